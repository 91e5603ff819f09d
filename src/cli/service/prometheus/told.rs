//! The text that answers Prometheus.

use std::sync::Arc;

use prometheus_client::encoding::text::encode_eof;

use super::figures::Figures;
use crate::cli::service::state::State;

/// What is told.
pub(super) struct Told {
    pub(super) state: Arc<State>,
    pub(super) figures: Figures,
}

impl Told {
    pub(super) fn new(state: Arc<State>) -> Self {
        Self { figures: Figures::new(), state }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let written = self.state.metrics.write(&mut text);
        let written = written.and_then(|()| self.figures.write(&self.state, &mut text));
        match written.and_then(|()| encode_eof(&mut text)) {
            Ok(()) => text,
            Err(_) => String::new(), // to a string it does not fail
        }
    }
}
