//! New blocks, where the transport tells of them. A head that is told of is a hint to look: it proves nothing, and
//! without it the wallet looks all the same, if later.

use std::{borrow::Cow, sync::Arc, time::Duration};

use alloy::{
    primitives::B256,
    providers::{DynProvider, Provider},
    pubsub::{PubSubFrontend, RawSubscription},
    transports::TransportResult,
};
use tokio::{
    sync::{Notify, broadcast::error::RecvError},
    time::{Instant, sleep, timeout},
};

use super::node::Chain;

/// How long to wait before a subscription that has ended is made again; each time twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause. A subscription that lived longer than this may be made again soon.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Where a node tells of new blocks.
#[derive(Clone)]
pub(crate) struct Heads {
    provider: DynProvider,
    frontend: PubSubFrontend,
    limit: Duration,
}

impl Chain {
    /// `None` if the transport knows no subscriptions, as with HTTP.
    pub(crate) fn heads(&self) -> Option<Heads> {
        let frontend = self.provider.client().pubsub_frontend()?.clone();
        Some(Heads { provider: self.provider.clone(), frontend, limit: self.config.rpc_timeout })
    }
}

impl Heads {
    /// Gives a hint with each new block, for ever. Many blocks that come while nobody looks are one hint.
    pub(crate) async fn follow(self, hint: Arc<Notify>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            match timeout(self.limit, self.subscribe()).await {
                Ok(Ok(subscription)) => {
                    hint.notify_one(); // what came before it is not told
                    listen(subscription, &hint).await;
                    tracing::info!("the subscription to new blocks has ended");
                }
                // The URL of the node may be in the error.
                Ok(Err(_)) => tracing::debug!("could not subscribe to new blocks"),
                Err(_) => tracing::debug!("the node did not answer a subscription to new blocks"),
            }
            if began.elapsed() >= LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    async fn subscribe(&self) -> TransportResult<RawSubscription> {
        // Heads are not decoded: rollups leave fields out.
        let method = Cow::Borrowed("eth_subscribe");
        let id: B256 = self.provider.raw_request(method, ("newHeads",)).await?;
        self.frontend.get_subscription(id).await
    }
}

async fn listen(mut subscription: RawSubscription, hint: &Notify) {
    loop {
        match subscription.recv().await {
            Ok(_) | Err(RecvError::Lagged(_)) => hint.notify_one(),
            Err(RecvError::Closed) => return,
        }
    }
}
