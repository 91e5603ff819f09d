//! What is wrong with nodes, pool and fees, and that it ends.

use alloy::primitives::U256;
use serde_json::json;

use super::{
    commands::Trouble,
    key,
    sim::{Act, words},
    world::World,
};

impl World {
    pub(super) fn trouble(&mut self, trouble: Trouble) {
        let sim = &self.sim;
        self.trouble = true;
        let empty = |method: &'static str, answer: serde_json::Value| {
            sim.hook(move |asked, _| (asked == method).then(|| Act::Answer(answer.clone())));
        };
        match trouble {
            Trouble::Faults(per_mille) => sim.faults(per_mille),
            Trouble::Replicas(lags) => sim.replicas(&lags),
            Trouble::GoBack(blocks) => sim.go_back(blocks),
            Trouble::Stall => sim.stall(Some(sim.head())),
            Trouble::PruneState(blocks) => sim.prune_state(Some(blocks)),
            Trouble::PruneReceipts(blocks) => sim.prune_receipts(Some(blocks)),
            Trouble::LogRange(blocks) => sim.log_range(Some(blocks), words::ALCHEMY),
            Trouble::Rate(requests) => sim.rate(Some(requests)),
            Trouble::NoReceipts => empty("eth_getTransactionReceipt", json!(null)),
            Trouble::NoLogs => empty("eth_getLogs", json!([])),
            Trouble::NoTransactions => empty("eth_getTransactionByHash", json!(null)),
            Trouble::WrongNonce(more) => {
                let account = key("payer").address();
                let wrong = format!("0x{:x}", sim.nonce(account) + more);
                let mine = json!(account);
                sim.hook(move |asked, parameters| {
                    (asked == "eth_getTransactionCount" && parameters[0] == mine)
                        .then(|| Act::Answer(json!(wrong.clone())))
                });
            }
            Trouble::NoCode => empty("eth_getCode", json!("0x")),
            Trouble::MinTip(tip) => sim.min_tip(tip),
            Trouble::ValidatorsTip(tip) => sim.validators_tip(tip),
            Trouble::BaseFee(fee) => sim.base_fee(fee),
            Trouble::FeeCap(gwei) => sim.fee_cap(Some(U256::from(gwei) * U256::from(1_000))),
            Trouble::PoolFull => sim.pool_full(true),
            Trouble::InFlight(limit) => sim.in_flight_limit(Some(limit)),
        }
    }

    pub(super) fn heal(&mut self) {
        let sim = &self.sim;
        sim.unhook();
        sim.faults(0);
        sim.replicas(&[0]);
        sim.go_back(0);
        sim.stall(None);
        sim.prune_state(None);
        sim.prune_receipts(None);
        sim.log_range(None, words::ALCHEMY);
        sim.rate(None);
        sim.min_tip(0);
        sim.validators_tip(0);
        sim.base_fee(1_000);
        sim.fee_cap(None);
        sim.pool_full(false);
        sim.in_flight_limit(None);
        sim.mine(1); // what was left out is seen with the next block
        self.trouble = false;
    }
}
