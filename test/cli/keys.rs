//! Keys: keystores as cast makes them, files, variables, and two keys for one chequebook.

use std::os::unix::fs::PermissionsExt;

use crate::world::{Alice, Bob, Carol, World, finish};

#[test]
fn a_keystore_of_cast_signs() {
    let world = World::new();
    let folder = world.path(".foundry/keystores");
    std::fs::create_dir_all(&folder).unwrap();
    let mut cast = world.clean("cast");
    cast.args(["wallet", "import", "alice", "--private-key", world.key(Alice), "--unsafe-password", "se cret"]);
    finish(cast, "").expect(0);

    let account = ["--account", "keystore:alice"];
    let deposit = [&["create", "--deposit", "1ether", "--yes"], &account[..]].concat();
    // No password and no terminal; a wrong one; then a variable, and a file.
    world.run(Alice, &deposit).expect(13);
    let mut wrong = world.command(Alice, &deposit);
    wrong.env("CHEQUEBOOK_PASSWORD", "guess");
    let ran = finish(wrong, "").expect(13);
    assert!(!ran.stderr.contains("guess"), "{ran:?}");
    let mut right = world.command(Alice, &deposit);
    right.env("CHEQUEBOOK_PASSWORD", "se cret");
    finish(right, "").expect(0);
    let file = world.file("password", "se cret\n");
    let by_file = [&["balance", "--password-file", &file], &account[..]].concat();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    world.run(Alice, &by_file).expect(13);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    world.run(Alice, &by_file).expect(0);
    world.run(Alice, &["balance", "--account", "keystore:nobody"]).expect(13);
}

#[test]
fn the_wrong_key_is_told() {
    let (world, book) = World::with_chequebook();
    let key = world.key(Alice).to_owned();
    for account in [key.as_str(), key.trim_start_matches("0x"), &format!("env:{key}"), "nonsense"] {
        let ran = world.run(Alice, &["balance", "--account", account]).expect(2);
        assert!(!ran.stderr.contains(&key[10..30]), "{ran:?}");
    }
    world.run(Alice, &["balance", "--account", "env:NO_SUCH_VARIABLE"]).expect(13);
    // A device that is not there, or not in this build; and what names none.
    for account in ["ledger:0", "ledger:m/44'/60'/0'/0/1"] {
        let ran = world.run(Alice, &["balance", "--account", account]);
        if cfg!(feature = "ledger") {
            ran.expect(13);
        } else {
            assert!(ran.expect(2).stderr.contains("--features ledger"));
        }
    }
    for account in ["ledger:", "ledger:x", "ledger:m/", "ledger:m/44'/", "ledger:m/44''", "ledger:99999999999"] {
        assert!(world.run(Alice, &["balance", "--account", account]).expect(2).stderr.contains("names no key"));
    }
    // Another key than that of the chequebook: it signs nothing, and sends nothing.
    let mut stranger = world.command(Alice, &["issue", &world.address(Bob), "1wei"]);
    stranger.env("KEY", world.key(Carol));
    finish(stranger, "").expect(14);
    let mut stranger = world.command(Alice, &["announce-kill", "--chequebook", &book, "--yes"]);
    stranger.env("KEY", world.key(Carol));
    finish(stranger, "").expect(14);
}

#[test]
fn signer_and_account_differ() {
    let world = World::new();
    let signer = world.file("signer", world.key(Carol));
    std::fs::set_permissions(&signer, std::fs::Permissions::from_mode(0o600)).unwrap();
    let source = format!("file:{signer}");
    let created = world.json(Alice, &["create", "--deposit", "1ether", "--signer", &source, "--yes"]);
    assert_eq!((&created["owner"], &created["signer"]), (&world.address(Alice).into(), &world.address(Carol).into()));
    let cheque = world.run(Alice, &["issue", &world.address(Bob), "1gwei", "--signer", &source]).expect(0).stdout;
    world.pipe(Bob, &["receive", "-"], &cheque).expect(0);
    world.run(Alice, &["issue", &world.address(Bob), "1gwei"]).expect(14);
    // The owner ends it without the key of the cheques.
    let shown = world.json(Alice, &["announce-kill", "--dry-run"]);
    assert_eq!(shown["liabilities"], "not known: the key of its cheques is not here");
    world.run(Alice, &["announce-kill", "--yes"]).expect(0);
}
