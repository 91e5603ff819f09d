//! Services in trouble. Each test says which alerts its trouble is to set off; together they are all of them.

use std::{ops::Range, path::PathBuf, time::Duration};

use rustix::process::Signal;
use serde_json::json;

use crate::{
    client::{Service, list, token},
    promtool::{Series, check, fires, over_time, rules},
    scrape::{METRICS, Scrape},
    world::{Alice, Bob, Carol, Who, World},
};

/// Which test sets off which alert.
const SET_OFF: [(&str, &str); 15] = [
    ("ChequebookDown", "a_service_that_is_gone"),
    ("ChequebookNotReady", "a_node_that_is_gone"),
    ("ChequebookStoreFailed", "a_full_disk"),
    ("ChequebookEnding", "an_end_that_is_announced"),
    ("ChequebookUncovered", "a_payer_that_took_money_out"),
    ("ChequebookBounced", "a_payer_that_took_money_out"),
    ("ChequebookRefusing", "a_node_that_is_gone"),
    ("ChequebookWorthCashing", "much_that_is_uncashed"),
    ("ChequebookLowFunds", "a_deposit_that_is_used_up"),
    ("ChequebookNoGasMoney", "an_end_that_is_announced"),
    ("ChequebookTransactionRefused", "a_pool_that_refuses"),
    ("ChequebookTransactionStuck", "a_chain_that_mines_nothing"),
    ("ChequebookChainUnseen", "a_node_that_is_gone"),
    ("ChequebookChainStale", "a_chain_that_stands_still"),
    ("ChequebookFiguresStale", "a_node_that_is_gone"),
];

/// The minutes that are told of: an hour of the first state, and two of the next.
const BEFORE: usize = 60;
const AFTER: usize = 120;

struct Trouble {
    world: World,
    service: Service,
    sound: Scrape,
}

impl Trouble {
    /// A service that is sound: no alert fires on what it tells.
    fn of(world: World, who: Who, settings: &[&str]) -> Self {
        let settings = [&[METRICS, "auto_cash=false"], settings].concat();
        Self::with(world, |world| Service::start(world, who, &settings))
    }

    fn with(world: World, start: impl FnOnce(&World) -> Service) -> Self {
        let service = start(&world);
        let asked = || Scrape::of(&service).get("chequebook_asked_timestamp_seconds") > 0.0;
        world.eventually("everything was asked for", asked);
        let sound = Scrape::of(&service);
        let trouble = Self { world, service, sound };
        let still = over_time(&trouble.sound, &trouble.sound, BEFORE, AFTER);
        for alert in rules() {
            assert!(
                !fires(&trouble.directory(), &alert, BEFORE + AFTER - 1, &still),
                "{alert} fires on a sound service"
            );
        }
        trouble
    }

    fn directory(&self) -> PathBuf {
        self.world.path("")
    }

    /// Waits until the service tells of its trouble.
    fn told(&self, what: &str, is_told: impl Fn(&Scrape) -> bool) {
        self.world.eventually(what, || is_told(&Scrape::of(&self.service)));
    }

    /// Checks that these alerts fire after so many minutes of what it tells now.
    fn sets_off(&self, alerts: &[(&str, usize)]) {
        let now = Scrape::of(&self.service);
        let series = over_time(&self.sound, &now, BEFORE, AFTER);
        for (alert, minutes) in alerts {
            assert!(rules().contains(&(*alert).to_owned()), "{alert} is a rule");
            assert!(!fires(&self.directory(), alert, BEFORE - 1, &series), "{alert} fires before");
            assert!(fires(&self.directory(), alert, BEFORE + minutes, &series), "{alert} is silent: {now:#?}");
        }
    }
}

impl Trouble {
    /// Checks that an alert fires on an age that goes on as it does in seconds: how many a second must be in a range. It is
    /// silent in one minute, and fires in another.
    fn sets_off_with_age(&self, alert: &str, age: &str, rates: Range<f64>, silent: usize, loud: usize) {
        let pause = Duration::from_secs(3);
        let first = Scrape::of(&self.service).get(age);
        std::thread::sleep(pause);
        let rate = (Scrape::of(&self.service).get(age) - first) / pause.as_secs_f64();
        assert!(rates.contains(&rate), "it ages by {rate} seconds a second");
        let told = [Series::new(age, &format!("{first}+{}x{}", rate * 60.0, loud + 1))];
        assert!(!fires(&self.directory(), alert, silent, &told));
        assert!(fires(&self.directory(), alert, loud, &told));
    }
}

/// A cheque from Alice to Bob, taken by Bob's service.
fn hand_over(trouble: &Trouble, amount: &str) {
    let cheque = trouble.world.issue(amount);
    trouble.service.result(None, "chequebook_receive", &format!("[{cheque}]"));
}

fn asked_again(trouble: &Trouble) {
    let before = Scrape::of(&trouble.service).get("chequebook_asked_timestamp_seconds");
    trouble.told("it asks again", |now| now.get("chequebook_asked_timestamp_seconds") > before);
}

#[test]
fn every_rule_has_a_test() {
    check();
    let mut tested: Vec<_> = SET_OFF.iter().map(|(alert, _)| (*alert).to_owned()).collect();
    let mut all = rules();
    tested.sort();
    all.sort();
    assert_eq!(tested, all);
    let tests = include_str!("troubles.rs");
    for (alert, test) in SET_OFF {
        let (_, body) = tests.split_once(&format!("fn {test}()")).unwrap_or_else(|| panic!("{test} is a test"));
        let body = body.split("#[test]").next().unwrap();
        assert!(body.contains(&format!("\"{alert}\"")), "{test} names {alert}");
    }
}

#[test]
fn a_service_that_is_gone() {
    // Prometheus itself notes whether it was answered.
    let directory = tempfile::tempdir().unwrap();
    let up = [Series::new(r#"up{job="chequebook"}"#, "1x9 0x9")];
    assert!(!fires(directory.path(), "ChequebookDown", 9, &up));
    assert!(fires(directory.path(), "ChequebookDown", 13, &up));
}

#[test]
fn a_node_that_is_gone() {
    let (mut world, _) = World::with_chequebook();
    let cheque = world.issue("1gwei");
    let node = world.anvil.take();
    let trouble = Trouble::of(world, Bob, &[]);
    drop(node);
    trouble.told("the chain is not seen", |now| now.get("chequebook_chain_seen") == 0.0);
    trouble.service.call(None, "chequebook_receive", &format!("[{cheque}]"));
    trouble.sets_off(&[("ChequebookNotReady", 7), ("ChequebookChainUnseen", 4), ("ChequebookRefusing", 7)]);
    // The clock of promtool begins with the epoch: what was asked for then is as old as its minute.
    let asked = [Series::new("chequebook_asked_timestamp_seconds", "0x20")];
    assert!(!fires(&trouble.directory(), "ChequebookFiguresStale", 4, &asked));
    assert!(fires(&trouble.directory(), "ChequebookFiguresStale", 6, &asked));
    let before = Scrape::of(&trouble.service).get("chequebook_asked_timestamp_seconds");
    std::thread::sleep(Duration::from_secs(20));
    assert_eq!(Scrape::of(&trouble.service).get("chequebook_asked_timestamp_seconds"), before, "its age is told");
}

#[test]
fn a_full_disk() {
    let (world, _) = World::with_chequebook();
    let size = std::fs::metadata(world.path("Alice.redb")).unwrap().len();
    let spend = token(&world, Alice, "spend", &[]);
    let settings = [METRICS, "auto_cash=false"];
    let trouble = Trouble::with(world, |world| Service::start_on_a_full_disk(world, Alice, size / 512, &settings));
    let to = trouble.world.address(Bob);
    // Each key takes its place in the store.
    let calls = std::cell::Cell::new(0_u64);
    trouble.told("a commit fails", |now| {
        for _ in 0..500 {
            let key = format!("{:032}", calls.replace(calls.get() + 1));
            trouble.service.call(Some(&spend), "chequebook_issue", &list(&[&to, "1", &key]));
        }
        now.get("chequebook_store_commits_failed_total") > 0.0
    });
    // It goes on for as long as this process promises nothing more.
    trouble.sets_off(&[("ChequebookStoreFailed", 2), ("ChequebookStoreFailed", AFTER - 1), ("ChequebookNotReady", 7)]);
}

#[test]
fn an_end_that_is_announced() {
    let (world, _) = World::with_chequebook();
    let trouble = Trouble::of(world, Bob, &[]);
    hand_over(&trouble, "0.1ether");
    // Bob cannot pay for the cash that would save him.
    trouble.world.rpc("anvil_setBalance", json!([trouble.world.address(Bob), "0x0"]));
    trouble.world.run(Alice, &["announce-kill", "--yes"]).expect(0);
    trouble.told("the end is told", |now| now.get("chequebook_notice_deadline_seconds") < 86_401.0);
    trouble.world.rpc("evm_increaseTime", json!([60]));
    trouble.world.mine();
    trouble.told("the time goes on", |now| now.get("chequebook_notice_deadline_seconds") < 86_400.0);
    asked_again(&trouble);
    assert_eq!(Scrape::of(&trouble.service).get("chequebook_ending"), 1e17);
    trouble.sets_off(&[("ChequebookEnding", 1), ("ChequebookNoGasMoney", 7)]);
}

#[test]
fn a_payer_that_took_money_out() {
    let (world, _) = World::with_chequebook();
    // Of two cheques that were signed by two programs, the deposit covers one.
    let (spend, receipt) = (token(&world, Bob, "spend,end", &[]), world.path("Alice.redb"));
    std::fs::copy(&receipt, world.path("Copy.redb")).unwrap();
    let other = world.issue("0.6ether");
    std::fs::rename(world.path("Copy.redb"), &receipt).unwrap();
    let mine = world.run(Alice, &["issue", &world.address(Carol), "0.7ether"]).expect(0).stdout;
    let trouble = Trouble::of(world, Bob, &[]);
    trouble.service.result(None, "chequebook_receive", &format!("[{other}]"));
    let cheque = trouble.world.file("other.json", &mine);
    trouble.world.run(Carol, &["receive", &cheque]).expect(0);
    trouble.world.run(Carol, &["cash", "--all", "--yes"]).expect(0);
    trouble.told("it is not covered", |now| now.get("chequebook_uncovered") == 3e17);
    trouble.sets_off(&[("ChequebookUncovered", 7)]);
    // It takes what is there.
    trouble.service.result(Some(&spend), "chequebook_cash", &format!("[{other}, true]"));
    trouble.told("it bounced", |now| now.get(r#"chequebook_events_total{event="bounced"}"#) == 1.0);
    trouble.sets_off(&[("ChequebookBounced", 2)]);
}

#[test]
fn much_that_is_uncashed() {
    let (world, _) = World::with_chequebook();
    let trouble = Trouble::of(world, Bob, &[]);
    hand_over(&trouble, "0.9ether");
    trouble.told("it is worth it", |now| now.get("chequebook_cash_worth_ratio") > 100.0);
    trouble.sets_off(&[("ChequebookWorthCashing", 65)]);
}

#[test]
fn a_deposit_that_is_used_up() {
    let (world, _) = World::with_chequebook();
    let spend = token(&world, Alice, "spend", &[]);
    let trouble = Trouble::of(world, Alice, &[]);
    let to = trouble.world.address(Bob);
    let params = list(&[&to, "950000000000000000"]);
    trouble.service.result(Some(&spend), "chequebook_issue", &params);
    asked_again(&trouble);
    trouble.sets_off(&[("ChequebookLowFunds", 7)]);
}

#[test]
fn a_pool_that_refuses() {
    let (world, _) = World::with_chequebook();
    let spend = token(&world, Alice, "spend", &[]);
    let trouble = Trouble::of(world, Alice, &[]);
    trouble.world.automine(false);
    trouble.service.result(Some(&spend), "chequebook_deposit", "[1000]");
    // The node loses it, and then there is nothing to pay for it.
    trouble.world.rpc("anvil_dropAllTransactions", json!([]));
    trouble.world.rpc("anvil_setBalance", json!([trouble.world.address(Alice), "0x0"]));
    trouble.world.rpc("evm_mine", json!([]));
    trouble.told("it is refused", |now| {
        let status = |name| now.get(&format!("chequebook_transactions{{status=\"{name}\"}}"));
        status("refused") + status("dropped") > 0.0
    });
    trouble.sets_off(&[("ChequebookTransactionRefused", 7)]);
}

#[test]
fn a_chain_that_mines_nothing() {
    let (world, _) = World::with_chequebook();
    let spend = token(&world, Alice, "spend", &[]);
    let trouble = Trouble::of(world, Alice, &[]);
    trouble.world.automine(false);
    trouble.service.result(Some(&spend), "chequebook_deposit", "[1000]");
    trouble.sets_off_with_age("ChequebookTransactionStuck", "chequebook_oldest_transaction_seconds", 0.9..1.5, 15, 39);
}

#[test]
fn a_chain_that_stands_still() {
    let (world, _) = World::with_chequebook();
    let trouble = Trouble::of(world, Bob, &[]);
    let age = "chequebook_chain_block_age_seconds";
    assert!(trouble.sound.get(age) < 60.0);
    trouble.sets_off_with_age("ChequebookChainStale", age, 0.6..1.5, 5, 19);
    trouble.service.stop(Signal::TERM).expect(0);
}
