//! W5: what ten thousand open inboxes cost in memory. It is alone in its process, where nothing else allocates.
#![allow(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

#[path = "support/many.rs"]
mod many;
#[allow(dead_code, reason = "not every test looks at everything")]
#[path = "support/sim/mod.rs"]
mod sim;

use std::{alloc::System, time::Duration};

use cap::Cap;

use self::many::{MANY, chain, open, payee, who};

#[global_allocator]
static ALLOCATED: Cap<System> = Cap::new(System, usize::MAX);

/// An open inbox needs less than two kilobytes, with a chequebook of its own or not, and gives them back.
#[tokio::test]
async fn w5_memory_of_an_open_inbox() {
    for shared in [false, true] {
        let (sim, contracts) = chain(if shared { 1 } else { MANY });
        let wallet = payee(&sim, 0).await;
        let wanted: Vec<_> = (0..MANY)
            .map(|index| {
                if shared {
                    (contracts[0], who(index))
                } else {
                    (contracts[usize::try_from(index).unwrap()], wallet.account())
                }
            })
            .collect();
        let before = ALLOCATED.allocated();
        let inboxes = open(&wallet, &wanted).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let each = (ALLOCATED.allocated() - before) / usize::try_from(MANY).unwrap();
        println!("{each} bytes for each open inbox; one chequebook for all: {shared}");
        assert!(each < 2_000, "{each} bytes for each open inbox; one chequebook for all: {shared}");
        drop(inboxes);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let left = ALLOCATED.allocated().saturating_sub(before) / usize::try_from(MANY).unwrap();
        // Tables keep their size.
        assert!(left < 500, "{left} bytes stay for each inbox that was closed");
    }
}
