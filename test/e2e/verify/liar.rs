//! A node that lies: it asks the true one, and answers what the test wants.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use eyre::{Context, OptionExt, Result};
use serde_json::{Value, json};

/// The URL of a node that answers each question by `lie`, which gets the method and the true result and returns the whole
/// HTTP response. It ends with the test.
pub(super) fn lying(truth: u16, lie: impl Fn(&str, Value) -> String + Send + Sync + 'static) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let lie = Arc::new(lie);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lie = Arc::clone(&lie);
            thread::spawn(move || {
                let _ = serve(stream, truth, &*lie); // who asks may be gone
            });
        }
    });
    Ok(url)
}

/// An HTTP response with a result.
pub(super) fn result(value: &Value) -> String {
    response(&json!({ "jsonrpc": "2.0", "id": 1, "result": value }).to_string())
}

/// An HTTP response with this body.
pub(super) fn response(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn serve(mut stream: TcpStream, truth: u16, lie: &dyn Fn(&str, Value) -> String) -> Result<()> {
    let question = body(&stream)?;
    let mut node = TcpStream::connect(("127.0.0.1", truth))?;
    let head = format!("POST / HTTP/1.1\r\nhost: node\r\nconnection: close\r\ncontent-length: {}", question.len());
    write!(node, "{head}\r\ncontent-type: application/json\r\n\r\n{question}")?;
    let mut answer: Value = serde_json::from_str(&body(&node)?)?;
    let question: Value = serde_json::from_str(&question)?;

    let method = question["method"].as_str().ok_or_eyre("no method")?;
    stream.write_all(lie(method, answer["result"].take()).as_bytes())?;
    Ok(())
}

/// The body of an HTTP message.
fn body(stream: &TcpStream) -> Result<String> {
    let mut reader = BufReader::new(stream);
    let mut size = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(length) = line.strip_prefix("content-length:") {
            size = length.trim().parse()?;
        }
    }
    let mut body = vec![0; size];
    reader.read_exact(&mut body)?;
    String::from_utf8(body).wrap_err("no text")
}
