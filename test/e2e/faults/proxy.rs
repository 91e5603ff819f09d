//! A proxy between the wallet and its node: it loses, delays, duplicates and garbles messages.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy::{node_bindings::AnvilInstance, primitives::keccak256};
use eyre::{OptionExt, Result};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};

/// The fault applied to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// The request does not reach the node.
    LoseRequest,
    /// The node executes the request, but the answer is lost.
    LoseAnswer,
    /// The answer comes after the wallet has given up.
    Delay,
    /// The request reaches the node twice.
    Double,
    /// The node answers with an internal error.
    Status500,
    /// The answer is not JSON.
    Garbage,
    /// The answer names another chain.
    ChainId,
    /// The answer contains tips that nobody pays.
    Tip,
    /// The answer contains a base fee that nobody pays.
    BaseFee,
}

/// How long an answer is delayed. The wallets in these tests wait for a shorter time.
pub(super) const DELAY: Duration = Duration::from_millis(300);

/// A node that misbehaves, in front of one that does not.
pub(super) struct Proxy {
    pub(super) url: String,
    settings: Arc<Settings>,
    listener: JoinHandle<()>,
}

struct Settings {
    node: String,
    fault: std::sync::Mutex<(Fault, u8)>,
    count: AtomicU64,
}

impl Proxy {
    pub(super) async fn start(anvil: &AnvilInstance) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let node = format!("127.0.0.1:{}", anvil.port());
        let settings =
            Arc::new(Settings { node, fault: std::sync::Mutex::new((Fault::None, 0)), count: AtomicU64::new(0) });
        let shared = Arc::clone(&settings);
        let listener = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let settings = Arc::clone(&shared);
                tokio::spawn(async move {
                    let _ = settings.serve(stream).await; // the wallet sees that the connection ends
                });
            }
        });
        Ok(Self { url, settings, listener })
    }

    /// From now on, `percent` of the requests meet this fault.
    pub(super) fn set(&self, fault: Fault, percent: u8) {
        *self.settings.fault.lock().unwrap() = (fault, percent);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Settings {
    /// Answers the requests of one connection, until one is lost.
    async fn serve(&self, mut stream: TcpStream) -> Result<()> {
        loop {
            let request = read(&mut stream).await?;
            let (fault, percent) = *self.fault.lock().unwrap();
            let [dice, ..] = keccak256(self.count.fetch_add(1, Ordering::Relaxed).to_be_bytes()).0;
            let fault = if u32::from(dice) * 100 < u32::from(percent) * 256 { fault } else { Fault::None };
            if fault == Fault::LoseRequest {
                return Ok(());
            }
            if fault == Fault::Status500 {
                stream.write_all(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops").await?;
                continue;
            }
            let mut answer = self.ask(&request).await?;
            match fault {
                Fault::LoseAnswer => return Ok(()),
                Fault::Delay => sleep(DELAY).await,
                Fault::Double => answer = self.ask(&request).await?,
                Fault::Garbage => answer = b"<html>not JSON</html>".to_vec(),
                Fault::ChainId | Fault::Tip | Fault::BaseFee => answer = lie(fault, &request, &answer)?,
                _ => {}
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all(&[head.as_bytes(), &answer].concat()).await?;
        }
    }

    /// Asks the real node.
    async fn ask(&self, body: &[u8]) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.node).await?;
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.node,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await?;
        read(&mut stream).await
    }
}

/// Reads one message, and returns its body.
async fn read(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            eyre::bail!("the connection was closed");
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.ok_or_eyre("a message without a length")?.trim().parse()?;
    let mut body = bytes.split_off(end);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            eyre::bail!("the connection was closed");
        }
    }
    Ok(body)
}

fn lie(fault: Fault, request: &[u8], answer: &[u8]) -> Result<Vec<u8>> {
    let request: Value = serde_json::from_slice(request)?;
    let mut answer: Value = serde_json::from_slice(answer)?;
    match (fault, request["method"].as_str()) {
        (Fault::ChainId, Some("eth_chainId")) => answer["result"] = json!("0x1"),
        (Fault::Tip, Some("eth_feeHistory")) => {
            for tips in answer["result"]["reward"].as_array_mut().ok_or_eyre("no tips")? {
                *tips = json!(["0xffffffffffffffffffffffffffffffff"]);
            }
        }
        (Fault::BaseFee, Some("eth_getBlockByNumber")) => {
            answer["result"]["baseFeePerGas"] = json!("0xffffffffffffffffffffffffffffffff");
        }
        _ => {}
    }
    Ok(serde_json::to_vec(&answer)?)
}
