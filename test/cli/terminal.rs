//! On a terminal: questions, passwords without an echo, and colour; none of these elsewhere.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::world::{Alice, Bob, PATIENCE, World, finish};

/// A program on a terminal of its own.
struct Terminal {
    child: std::process::Child,
    master: File,
    output: mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn start(mut command: Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let end = || Stdio::from(File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop(command); // closes our ends of the terminal
        let master = File::from(master);
        let (sender, output) = mpsc::channel();
        let mut reader = master.try_clone().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4_096];
            // Linux says EIO when the last user of the terminal is gone.
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, master, output, seen: String::new() }
    }

    fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.seen.contains(text) {
            assert!(Instant::now() < end, "{text:?} is not in {:?}", self.seen);
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(100)) {
                self.seen += &String::from_utf8_lossy(&bytes);
            }
        }
    }

    fn type_line(&mut self, text: &str) {
        self.master.write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    /// The exit code, and all that was shown.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(200)) {
            self.seen += &String::from_utf8_lossy(&bytes);
        }
        (status.code(), self.seen)
    }
}

#[test]
fn a_person_is_asked_and_decides() {
    let (world, book) = World::with_chequebook();
    let before = world.balance(&book);
    for (answer, code) in [("n", 15), ("", 15), ("maybe", 15)] {
        let mut terminal = Terminal::start(world.command(Alice, &["deposit", "1ether"]));
        terminal.wait_for("Do this? [y/N]");
        terminal.type_line(answer);
        let (found, seen) = terminal.end();
        assert_eq!(found, Some(code), "{answer:?}: {seen}");
        assert!(seen.contains("1 ether (1000000000000000000 wei)"), "what would be done is shown: {seen}");
    }
    assert_eq!(world.balance(&book), before);
    let mut terminal = Terminal::start(world.command(Alice, &["deposit", "1ether"]));
    terminal.wait_for("Do this? [y/N]");
    terminal.type_line("y");
    assert_eq!(terminal.end().0, Some(0));
    assert_eq!(world.balance(&book), before + before);
    // Ctrl-c at the question.
    let mut terminal = Terminal::start(world.command(Alice, &["deposit", "1ether"]));
    terminal.wait_for("Do this? [y/N]");
    crate::signals::kill(&terminal.child, rustix::process::Signal::INT);
    assert_eq!(terminal.end().0, Some(130));
    assert_eq!(world.balance(&book), before + before);
}

#[test]
fn a_password_is_typed_and_not_shown() {
    let world = World::new();
    std::fs::create_dir_all(world.path(".foundry/keystores")).unwrap();
    let mut cast = world.clean("cast");
    cast.args(["wallet", "import", "alice", "--private-key", world.key(Alice), "--unsafe-password", "hunter2"]);
    finish(cast, "").expect(0);
    for (password, code) in [("hunter3", 13), ("hunter2", 0)] {
        let mut terminal =
            Terminal::start(world.command(Alice, &["create", "--prepare", "--account", "keystore:alice"]));
        terminal.wait_for("Password of");
        thread::sleep(Duration::from_millis(200)); // the echo goes after the question is asked
        terminal.type_line(password);
        let (found, seen) = terminal.end();
        assert_eq!(found, Some(code), "{seen}");
        assert!(!seen.contains("hunter"), "{seen}");
    }
}

#[test]
fn colour_is_for_terminals_only() {
    let (world, _) = World::with_chequebook();
    world.pipe(Bob, &["receive", "-"], &world.issue("1gwei")).expect(0);
    let escape = '\u{1b}';
    let piped = world.run(Bob, &["list"]).expect(0).stdout;
    assert!(!piped.contains(escape) && piped.starts_with("chequebook\tbeneficiary\t"), "{piped:?}");
    let (_, seen) = Terminal::start(world.command(Bob, &["list"])).end();
    assert!(seen.contains("\u{1b}[1m"), "{seen:?}");
    let mut plain = world.command(Bob, &["list"]);
    plain.env("NO_COLOR", "1");
    let (_, seen) = Terminal::start(plain).end();
    assert!(!seen.contains("\u{1b}[1m"), "{seen:?}");
    let (_, seen) = Terminal::start(world.command(Bob, &["list", "--json"])).end();
    assert!(!seen.contains("\u{1b}[1m"), "{seen:?}");
}
