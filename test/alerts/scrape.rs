//! What the service tells Prometheus, sample by sample.

use crate::client::{Connection, Service};

/// The samples of one answer: the series, and its value.
#[derive(Clone, Debug)]
pub(crate) struct Scrape(pub(crate) Vec<(String, String)>);

/// With its metrics on a port of its own.
pub(crate) const METRICS: &str = "metrics_listen=127.0.0.1:0";

impl Scrape {
    pub(crate) fn of(service: &Service) -> Self {
        let address = service.started["metrics"].as_str().unwrap().to_owned();
        let host = format!("Host: {address}");
        let answer = Connection::open(&address).request("GET /metrics", &[&host], "").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.head.contains("application/openmetrics-text"), "{}", answer.head);
        assert!(answer.body.ends_with("# EOF\n"));
        let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
        let samples: Vec<_> = lines
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?} is a sample"));
                (series.to_owned(), value.to_owned())
            })
            .collect();
        assert!(samples.len() > 60, "{samples:?}");
        Self(samples)
    }

    /// The value of a series.
    #[track_caller]
    pub(crate) fn get(&self, series: &str) -> f64 {
        let found = self.0.iter().find(|(name, _)| name == series);
        let (_, value) = found.unwrap_or_else(|| panic!("{series} is told: {self:#?}"));
        value.parse().unwrap()
    }
}
