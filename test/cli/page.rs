//! The commands of the operators' page, as they stand there.

use alloy::primitives::U256;

use crate::world::{Bob, PROGRAM, World, finish};

/// The commands after a mark.
fn block(name: &str) -> &'static str {
    let page = include_str!("../../docs/operators.md");
    let mark = format!("<!-- run by the tests: {name} -->\n```sh\n");
    page.split(&mark).nth(1).unwrap().split("```").next().unwrap()
}

#[test]
fn five_commands_and_the_drill_do_what_the_page_says() {
    let world = World::bare();
    assert_eq!(block("five").trim().lines().count(), 5);
    let script = format!("{}\n{}\necho drill\n{}", block("setup"), block("five"), block("drill"));
    let mut bash = world.clean("bash");
    let folder = std::path::Path::new(PROGRAM).parent().unwrap().to_str().unwrap();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    // The page's anvil has the default port; this one has another.
    bash.args(["-euo", "pipefail", "-c", &script]).env("PATH", path).env("CHEQUEBOOK_RPC", &world.url);
    let ran = finish(bash, "").expect(0);
    let (_, drill) = ran.stdout.split_once("\ndrill\n").unwrap();
    assert!(drill.contains("refused: 16"), "{ran:?}");
    // Bob was paid once, and the last cheque contains what the backup did not have.
    assert_eq!(world.nonce(Bob), U256::ONE);
    assert!(drill.contains("0.300000000000000001 ether"), "{drill}");
}
