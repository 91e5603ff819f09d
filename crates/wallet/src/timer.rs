//! Timers that may not run.

use tokio::time::{Instant, sleep_until};

/// Waits until then, or for ever.
pub(crate) async fn wait_until(next: Option<Instant>) {
    match next {
        Some(next) => sleep_until(next).await,
        None => std::future::pending().await,
    }
}
