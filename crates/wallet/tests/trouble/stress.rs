//! Locks, under all that can happen at once on several threads. A deadlock shows as a test that does not end.

use std::{
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use chequebook::Overdraft;
use chequebook_wallet::AutoCash;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{Payer, config, policy, sim::Sim, wallet_with, wei, who};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_deadlock() {
    let payer = Arc::new(Payer::new(1_000_000).await);
    let payee = wallet_with(
        &payer.sim,
        "payee",
        chequebook_wallet::store::Memory::new(),
        config().poll_interval(Duration::from_millis(3)).confirmations(2),
    )
    .await;
    let amounts = Arc::new([const { AtomicU64::new(0) }; 4]);
    let sim: Sim = payer.sim.clone();
    let mut tasks = JoinSet::new();
    for index in 0..4_u64 {
        for cashes in [true, false] {
            let (payer, payee, amounts) = (Arc::clone(&payer), payee.clone(), Arc::clone(&amounts));
            tasks.spawn(async move {
                for round in 0..120_u64 {
                    let amount = amounts[usize::try_from(index).unwrap()].fetch_add(1, Ordering::SeqCst) + 1;
                    let cheque = payer.rogue(who(index), amount).await;
                    if cashes {
                        let _ = timeout(Duration::from_secs(20), payee.cashing().cash(&cheque, Overdraft::Refuse))
                            .await
                            .expect("it hangs");
                        continue;
                    }
                    let inbox = chequebook_wallet::Inbox::open(&payee, payer.contract(), who(index), policy()).await;
                    if let Ok(inbox) = inbox {
                        if round % 3 == 0 {
                            inbox.auto_cash(
                                AutoCash::default().interval(Some(Duration::from_secs(3_600))).max_uncashed(wei(0)),
                            );
                        }
                        let _ = timeout(Duration::from_secs(20), inbox.receive(&cheque)).await.expect("it hangs");
                    }
                }
            });
        }
    }
    let chaos = tokio::spawn(async move {
        for round in 0..10_000_u64 {
            sim.auto_mine(round % 2 == 0);
            sim.mine(1);
            if round % 5 == 0 {
                sim.rollback(1, true);
            }
            sleep(Duration::from_millis(2)).await;
        }
    });
    timeout(Duration::from_secs(100), async {
        while let Some(one) = tasks.join_next().await {
            one.unwrap();
        }
    })
    .await
    .expect("a deadlock");
    chaos.abort();
}
