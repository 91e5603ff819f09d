//! The unit of systemd that is packaged.

use std::process::Command;

const UNIT: &str = "dist/chequebook.service";

#[test]
fn the_unit_gives_the_service_little() {
    let path = format!("{}/{UNIT}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    for line in ["DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "KillSignal=SIGTERM", "UMask=0077"] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
    // A stop takes at most the service's own time, and a little more.
    let stop = text.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    assert!(stop.parse::<u64>().unwrap() > 30, "{stop}");
    let Ok(analyzed) =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=20", &path]).output()
    else {
        eprintln!("systemd-analyze is not here: only the lines were checked");
        return;
    };
    assert!(analyzed.status.success(), "exposure is at most 2.0: {}", String::from_utf8_lossy(&analyzed.stdout));
}
