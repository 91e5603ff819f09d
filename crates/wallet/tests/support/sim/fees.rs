//! The price of gas: what validators demand, and what nodes say about it.

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    primitives::U64,
};
use serde_json::{Value, json};

use super::{Sim, node::View, rpc::Answer};

/// In wei per gas.
#[derive(Clone, Debug)]
pub(super) struct Fees {
    /// Of all blocks from now on.
    pub(super) base: u64,
    /// The least tip that validators include.
    pub(super) validators_tip: u128,
    /// The tip that nodes suggest.
    pub(super) suggested_tip: u128,
}

impl Default for Fees {
    fn default() -> Self {
        Self { base: 1_000, validators_tip: 0, suggested_tip: 1 }
    }
}

impl Fees {
    /// Whether validators include a transaction that its sender can pay.
    pub(super) fn accept(&self, transaction: &TxEnvelope) -> bool {
        transaction.effective_tip_per_gas(self.base).is_some_and(|tip| tip >= self.validators_tip)
    }
}

impl Sim {
    /// The base fee of all blocks from now on, in wei per gas.
    pub(crate) fn base_fee(&self, wei: u64) {
        self.lock().fees.base = wei;
    }

    /// Validators include nothing below this tip, in wei per gas, however long it waits.
    pub(crate) fn validators_tip(&self, wei: u128) {
        self.lock().fees.validators_tip = wei;
    }

    /// The tip that nodes say others pay, in wei per gas.
    pub(crate) fn suggested_tip(&self, wei: u128) {
        self.lock().fees.suggested_tip = wei;
    }

    /// The gas that nodes estimate for everything. A transaction with less fails.
    pub(crate) fn gas(&self, gas: u64) {
        self.lock().environment.gas = gas;
    }
}

impl View<'_> {
    /// Answers eth_feeHistory: as many of the requested blocks as there are.
    pub(super) fn fee_history(&self, count: u64, newest: u64, percentiles: &[f64]) -> Value {
        let count = count.min(1_024).min(newest + 1);
        let blocks = (newest + 1 - count..=newest).filter_map(|number| self.by_number(number));
        let mut base: Vec<_> =
            blocks.map(|block| U64::from(block.header.base_fee_per_gas.unwrap_or_default())).collect();
        // One more: of the block after the newest.
        base.push(self.by_number(newest + 1).map_or(U64::from(self.chain.fees.base), |block| {
            U64::from(block.header.base_fee_per_gas.unwrap_or_default())
        }));
        let rows = base.len() - 1;
        let mut history = json!({
            "oldestBlock": U64::from(newest + 1 - count),
            "baseFeePerGas": base,
            "gasUsedRatio": vec![0.5; rows],
        });
        if !percentiles.is_empty() {
            let row = vec![format!("{:#x}", self.chain.fees.suggested_tip); percentiles.len()];
            history["reward"] = json!(vec![row; rows]);
        }
        history
    }

    /// The price that includes a transaction now, as nodes suggest it, in wei per gas.
    pub(super) fn gas_price(&self) -> Answer {
        Ok(json!(format!("{:#x}", u128::from(self.chain.fees.base) + self.chain.fees.suggested_tip)))
    }
}
