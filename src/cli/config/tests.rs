//! Tests of `config`.

use super::*;

const FILE: &str = r#"
    chain = "anvil"
    account = "keystore:alice"
    min_notice = "2d"

    [chains.anvil]
    rpc = "http://key:secret@localhost:1/secret"
    account = "keystore:bob"

    [chains.mine]
    id = 99
    profile = "op_stack"

    [tokens.USDC]
    address = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
    decimals = 6
"#;

fn resolve(flags: &[(&str, &str)], variables: &[(&str, &str)], file: &str) -> Result<Settings, Failure> {
    let flags: Vec<_> = flags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Settings::resolve(&flags, variable, file)
}

fn origin(settings: &Settings, name: &str) -> (String, Origin) {
    settings.values.get(name).unwrap().clone()
}

#[test]
fn flags_are_over_variables_are_over_the_file() {
    let all = resolve(&[("account", "env:A")], &[("CHEQUEBOOK_ACCOUNT", "env:B")], FILE).unwrap();
    assert_eq!(origin(&all, "account"), ("env:A".into(), Origin::Flag));
    let two = resolve(&[], &[("CHEQUEBOOK_ACCOUNT", "env:B")], FILE).unwrap();
    assert_eq!(origin(&two, "account"), ("env:B".into(), Origin::Variable("CHEQUEBOOK_ACCOUNT".into())));
    let file = resolve(&[], &[], FILE).unwrap();
    assert_eq!(origin(&file, "account"), ("keystore:bob".into(), Origin::File("[chains.anvil]".into())));
    assert_eq!(origin(&file, "min_notice"), ("2d".into(), Origin::File("top level".into())));
    let other = resolve(&[("chain", "mine")], &[], FILE).unwrap();
    assert_eq!(origin(&other, "account"), ("keystore:alice".into(), Origin::File("top level".into())));
    assert_eq!(origin(&resolve(&[("chain", "anvil")], &[], "").unwrap(), "rpc").1, Origin::Default);
}

#[test]
fn chains_have_the_defaults_of_the_wallet() {
    let mine = resolve(&[("chain", "mine")], &[], FILE).unwrap().profile().unwrap();
    assert_eq!((mine.id, mine.wallet), (99, WalletConfig::op_stack()));
    for (name, id, _) in PROFILES {
        let profile = resolve(&[("chain", name)], &[], "").unwrap().profile().unwrap();
        assert_eq!((profile.id, Some(profile.wallet)), (id, WalletConfig::for_chain(id)));
    }
    assert!(resolve(&[], &[], "").unwrap().profile().is_err());
    assert!(resolve(&[("chain", "nowhere")], &[], FILE).unwrap().profile().is_err());
}

#[test]
fn no_secret_of_a_url_is_shown() {
    let settings = resolve(&[], &[], FILE).unwrap();
    let (_, shown, _) = settings.all().find(|(name, ..)| *name == "rpc").unwrap();
    assert_eq!(shown.as_deref(), Some("http://localhost:1/…"));
}

#[test]
fn what_is_not_known_is_refused() {
    for file in [
        "no_such = 'x'",
        "[chains.anvil]\nacount = 'x'\n",
        "chain = ['anvil']",
        "chains = 1",
        "chain = ",
        "[tokens.ether]\n",
    ] {
        let file = format!("{file}\n");
        let resolved = resolve(&[("chain", "anvil")], &[], &file);
        assert_eq!(resolved.map(|_| ()).map_err(|failure| failure.exit.code()), Err(2), "{file}");
    }
    assert!(resolve(&[("no_such", "x")], &[], "").is_err());
}

#[test]
fn a_symbol_is_tied_to_one_address() {
    let settings = resolve(&[], &[], FILE).unwrap();
    let token = settings.token("USDC").unwrap();
    assert_eq!(settings.token_at(token).map(|token| (token.symbol.as_str(), token.decimals)), Some(("USDC", 6)));
    assert!(settings.token("DAI").is_err());
    let twice =
        format!("{FILE}\n[tokens.FAKE]\naddress = '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48'\ndecimals = 6\n");
    assert!(resolve(&[], &[], &twice).is_err());
}
