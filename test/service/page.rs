//! The commands of the service's page, as they stand there.

use crate::world::{Alice, PROGRAM, World, finish};

/// The commands after each mark.
fn blocks() -> String {
    let page = include_str!("../../docs/service.md");
    let mark = "<!-- run by the tests -->\n```sh\n";
    page.split(mark).skip(1).map(|rest| rest.split("```").next().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_commands_of_the_page_do_what_it_says() {
    let (world, _) = World::with_chequebook();
    let script = blocks();
    assert!(script.matches("\nrpc -").count() >= 5, "{script}");
    let mut bash = world.clean("bash");
    let folder = std::path::Path::new(PROGRAM).parent().unwrap().to_str().unwrap();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    // The page's port may be taken here.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    // Whatever fails, the service ends with the script.
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{}", script.replace("7545", &port));
    bash.args(["-euo", "pipefail", "-c", &script]).env("PATH", path).env("CHEQUEBOOK_CHAIN", "anvil");
    bash.env("CHEQUEBOOK_RPC", &world.url).env("CHEQUEBOOK_ACCOUNT", "env:KEY").env("KEY", world.key(Alice));
    bash.env("CHEQUEBOOK_STORE", world.path("Alice.redb")).env("CHEQUEBOOK_LISTEN", format!("127.0.0.1:{port}"));
    let ran = finish(bash, "").expect(0);
    let answers: Vec<serde_json::Value> =
        ran.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let results = answers.iter().filter(|answer| answer.get("result").is_some()).count();
    assert!(results >= 4, "{ran:#?}");
    assert!(ran.stdout.contains("-31050"), "without a token nothing is spent: {ran:#?}");
}
