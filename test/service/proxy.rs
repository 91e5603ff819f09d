//! Passes connections on to a node, or not, or only later.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

pub(crate) struct Proxy {
    port: u16,
    answers: Arc<AtomicBool>,
    is_silent: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn start(url: &str) -> Self {
        let node = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = Arc::new(AtomicBool::new(true));
        let is_silent = Arc::new(AtomicBool::new(false));
        let (passes, silence) = (Arc::clone(&answers), Arc::clone(&is_silent));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (node, passes, silence) = (node.clone(), Arc::clone(&passes), Arc::clone(&silence));
                thread::spawn(move || {
                    let Ok(there) = TcpStream::connect(&node) else { return };
                    let (back, forth) = (there.try_clone().unwrap(), stream.try_clone().unwrap());
                    let (is_open, is_heard) = (Arc::clone(&passes), AtomicBool::new(false));
                    thread::spawn(move || pass(stream, there, &passes, &is_heard));
                    pass(back, forth, &is_open, &silence);
                });
            }
        });
        Self { port, answers, is_silent }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/?key=secret", self.port)
    }

    pub(crate) fn answers(&self, answers: bool) {
        self.answers.store(answers, Ordering::Relaxed);
    }

    /// Keeps all answers back, or lets them go.
    pub(crate) fn silent(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::Relaxed);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, passes: &AtomicBool, is_silent: &AtomicBool) {
    let mut buffer = [0; 4_096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        while is_silent.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
        if !passes.load(Ordering::Relaxed) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
