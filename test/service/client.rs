//! A service that runs, and what is said to it: byte by byte, so that nothing is corrected on the way.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Child,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::world::{PATIENCE, Ran, Who, World, end, start};

/// What every test may call as often as it likes.
const FREE: &str = "rate=0";

pub(crate) struct Service {
    child: Option<Child>,
    pub(crate) address: String,
    /// What it said when it was ready.
    pub(crate) started: Value,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// One connection that stays.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), host: address.to_owned() }
    }

    /// Writes bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads an answer; nothing if the connection ends before it is there.
    pub(crate) fn read(&mut self) -> Option<Answer> {
        let mut head = String::new();
        loop {
            let before = head.len();
            if self.stream.read_line(&mut head).ok()? == 0 {
                return None;
            }
            if &head[before..] == "\r\n" {
                break;
            }
        }
        let field = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut body = vec![0; field("content-length").map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut body).ok()?;
        Some(Answer { status, body: String::from_utf8(body).unwrap(), head })
    }

    /// Sends a request with these lines in its head, and reads the answer.
    pub(crate) fn request(&mut self, first: &str, lines: &[&str], body: &str) -> Option<Answer> {
        let mut head = format!("{first} HTTP/1.1\r\n");
        for line in lines {
            head += &format!("{line}\r\n");
        }
        if !body.is_empty() || first.starts_with("POST") {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        self.write(format!("{head}\r\n{body}").as_bytes()).ok()?;
        self.read()
    }

    /// Makes a call with its parameters as they are.
    pub(crate) fn call(&mut self, token: Option<&str>, method: &str, params: &str) -> Option<Value> {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let host = format!("Host: {}", self.host);
        let token = token.map(|token| format!("Authorization: Bearer {token}"));
        let mut lines = vec![host.as_str(), "Content-Type: application/json"];
        lines.extend(token.as_deref());
        let answer = self.request("POST /", &lines, &body)?;
        (answer.status == 200).then(|| answer.json())
    }
}

impl Service {
    /// Starts it with settings, and waits until it listens.
    pub(crate) fn start(world: &World, who: Who, settings: &[&str]) -> Self {
        Self::try_start(world, who, settings).unwrap_or_else(|ran| panic!("it does not start: {ran:#?}"))
    }

    /// The same, or how it ended.
    pub(crate) fn try_start(world: &World, who: Who, settings: &[&str]) -> Result<Self, Ran> {
        let mut args = vec!["serve", "--json"];
        for setting in ["listen=127.0.0.1:0", FREE].iter().chain(settings) {
            args.extend(["--set", setting]);
        }
        let mut child = start(world.command(who, &args));
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        if line.is_empty() {
            return Err(end(child));
        }
        let started: Value = serde_json::from_str(&line).unwrap();
        let address = started["address"].as_str().unwrap().to_owned();
        Ok(Self { child: Some(child), address, started })
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(&self.address)
    }

    /// The answer to a call on a connection of its own.
    #[track_caller]
    pub(crate) fn call(&self, token: Option<&str>, method: &str, params: &str) -> Value {
        self.connect().call(token, method, params).unwrap_or_else(|| panic!("{method} {params} is answered"))
    }

    /// The result of a call.
    #[track_caller]
    pub(crate) fn result(&self, token: Option<&str>, method: &str, params: &str) -> Value {
        let answer = self.call(token, method, params);
        assert!(answer.get("error").is_none(), "{method} {params}: {answer}");
        answer["result"].clone()
    }

    /// The code of the error of a call.
    #[track_caller]
    pub(crate) fn code(&self, token: Option<&str>, method: &str, params: &str) -> i64 {
        let answer = self.call(token, method, params);
        let code = answer["error"]["code"].as_i64();
        code.unwrap_or_else(|| panic!("{method} {params} is refused: {answer}"))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let host = format!("Host: {}", self.address);
        self.connect().request(&format!("GET {path}"), &[&host], "").unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// Sends a signal, and waits for the end.
    pub(crate) fn stop(mut self, signal: Signal) -> Ran {
        self.signal(signal);
        end(self.child.take().unwrap())
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ran {
        end(self.child.take().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Makes a token with these scopes.
pub(crate) fn token(world: &World, who: Who, scopes: &str, more: &[&str]) -> String {
    let name = format!("{scopes}{}", more.join(""));
    let args = [&["token", "create", &name, "--scope", scopes], more].concat();
    world.json(who, &args)["token"].as_str().unwrap().to_owned()
}

/// The code of an exit code.
pub(crate) const fn exit(code: i64) -> i64 {
    -31_000 - code
}

pub(crate) const PARAMS: i64 = -32_602;
pub(crate) const DENIED: i64 = -31_050;
pub(crate) const TOO_FAST: i64 = -31_051;
pub(crate) const KEY_REUSED: i64 = -31_052;
pub(crate) const LIMIT: i64 = -31_053;

/// Parameters as text.
pub(crate) fn params(value: Value) -> String {
    value.to_string()
}

/// Parameters by position.
pub(crate) fn list(values: &[&str]) -> String {
    json!(values).to_string()
}

pub(crate) fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
