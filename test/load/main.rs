//! How many cheques a second the service issues, and how long callers wait: 64 connections that each send the next call once
//! the last is answered, on the same cores as the service. Each has a token with limits and each call a key, as in earnest.
//! Needs anvil on the PATH. `cargo bench` runs it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark"
)]

#[path = "../service/client.rs"]
#[allow(dead_code, reason = "what only tests use")]
mod client;
#[path = "../cli/world.rs"]
#[allow(dead_code, reason = "what only tests use")]
mod world;

use std::{
    path::Path,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    client::{Service, params, token},
    world::{Alice, Bob, World},
};

const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(10);

/// What callers saw.
struct Seen {
    calls: usize,
    took: Duration,
    /// How long each call took, the shortest first.
    waits: Vec<Duration>,
}

impl Seen {
    fn a_second(&self) -> f64 {
        self.calls as f64 / self.took.as_secs_f64()
    }

    /// How long all but so many of a thousand calls took at most.
    fn all_but(&self, per_mille: usize) -> Duration {
        let index = self.waits.len().saturating_sub(1 + self.waits.len() * per_mille / 1_000);
        self.waits.get(index).copied().unwrap_or_default()
    }
}

fn load(world: &World, service: &Service, token: &str) -> Seen {
    let (begin, is_measured, is_over) = (Barrier::new(CONNECTIONS + 1), AtomicBool::new(false), AtomicBool::new(false));
    let bob = world.address(Bob);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CONNECTIONS)
            .map(|caller| {
                let (begin, is_measured, is_over, bob) = (&begin, &is_measured, &is_over, &bob);
                scope.spawn(move || {
                    let mut connection = service.connect();
                    let mut waits = Vec::new();
                    begin.wait();
                    for call in 0_u64.. {
                        if is_over.load(Ordering::Relaxed) {
                            break;
                        }
                        let params = params(json!([bob, 1, format!("{caller}/{call}")]));
                        let began = Instant::now();
                        let answer = connection.call(Some(token), "chequebook_issue", &params).unwrap();
                        let wait = began.elapsed();
                        assert!(answer.get("result").is_some(), "{answer}");
                        if is_measured.load(Ordering::Relaxed) {
                            waits.push(wait);
                        }
                    }
                    waits
                })
            })
            .collect();
        begin.wait();
        thread::sleep(WARM_UP);
        is_measured.store(true, Ordering::Relaxed);
        let began = Instant::now();
        thread::sleep(MEASURED);
        let took = began.elapsed();
        is_measured.store(false, Ordering::Relaxed);
        is_over.store(true, Ordering::Relaxed);
        let mut waits: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
        waits.sort_unstable();
        Seen { calls: waits.len(), took, waits }
    })
}

fn run(name: &str, store: Option<&Path>) {
    let (world, _) = World::with_chequebook();
    let path = world.path("Alice.redb");
    // In memory nothing is durable, and all else is the same.
    let moved = store.map(|directory| tempfile::tempdir_in(directory).unwrap());
    if let Some(moved) = &moved {
        let there = moved.path().join("Alice.redb");
        std::fs::copy(&path, &there).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&there, &path).unwrap();
    }
    let token = token(&world, Alice, "spend", &["--per-day", "1ether", "--per-beneficiary", "1ether"]);
    let service = Service::start(&world, Alice, &[]);
    let seen = load(&world, &service, &token);
    let all = [500, 10, 1].map(|per_mille| seen.all_but(per_mille).as_secs_f64() * 1_000.0);
    let [half, most, nearly] = all;
    println!(
        "{name}: {:.0} cheques/s; 50 % answered within {half:.1} ms, 99 % within {most:.1} ms, 99.9 % within {nearly:.1} ms",
        seen.a_second()
    );
}

fn main() {
    println!("{CONNECTIONS} connections, {} cores", thread::available_parallelism().unwrap());
    run("durable", None);
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        run("without durability (the store in memory)", Some(memory));
    }
}
