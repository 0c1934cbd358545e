//! Many clients at once.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::ask::Connection;
use super::questions::{self, Chance, Names};
use super::shop::Served;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answers of the API that have to be computed.
    RareApi,
    /// Pages that have to be computed.
    RarePages,
    /// Answers of the API that others asked for as well.
    UsualApi,
    /// Pages that others look at as well.
    UsualPages,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::RareApi, Self::RarePages, Self::UsualApi, Self::UsualPages];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::RareApi => "API, filters that nobody asked for before",
            Self::RarePages => "pages, filters that nobody asked for before",
            Self::UsualApi => "API, filters people look at all day",
            Self::UsualPages => "pages, filters people look at all day",
        }
    }

    fn path(self, chance: &mut Chance, names: &Names) -> String {
        let query = match self {
            Self::RareApi | Self::RarePages => questions::rare(chance, names),
            Self::UsualApi | Self::UsualPages => questions::usual(chance, names),
        };
        match self {
            Self::RareApi | Self::UsualApi => questions::api(chance, &query),
            Self::RarePages | Self::UsualPages => questions::page(chance, &query),
        }
    }
}

/// How long answers took.
#[derive(Debug)]
pub struct Figures {
    /// What was asked for.
    pub name: String,
    /// In order.
    pub times: Vec<Duration>,
    /// The largest body, as it was sent, in bytes.
    pub largest: usize,
}

impl Figures {
    /// So many of a hundred took no longer, in milliseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let at = (self.times.len() * percent / 100).min(self.times.len().saturating_sub(1));
        self.times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

/// Has so many clients ask for so long, each the next thing as soon as it has its answer.
pub fn run(served: &Served, kind: Kind, clients: u32, time: Duration) -> Result<Figures> {
    let names = names(served)?;
    let until = Instant::now() + time;
    let asked: Vec<Result<(Vec<Duration>, usize)>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|client| {
                let names = &names;
                scope.spawn(move || {
                    let mut chance = Chance::new(u64::from(client) + 1 + 1_000 * kind as u64);
                    let mut connection = Connection::open(&served.address)?;
                    let (mut times, mut largest) = (Vec::new(), 0);
                    while Instant::now() < until {
                        let (took, body) = connection.ask(&kind.path(&mut chance, names))?;
                        times.push(took);
                        largest = largest.max(body.len());
                    }
                    Ok((times, largest))
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap_or_else(|_| Err(anyhow!("a client panicked")))).collect()
    });
    let mut figures = Figures { name: kind.name().to_owned(), times: Vec::new(), largest: 0 };
    for asked in asked {
        let (times, largest) = asked?;
        figures.times.extend(times);
        figures.largest = figures.largest.max(largest);
    }
    figures.times.sort_unstable();
    Ok(figures)
}

/// The names that filters are made of, from the API itself.
fn names(served: &Served) -> Result<Names> {
    let of = |by: &str| -> Result<Vec<String>> {
        let (_, body) = Connection::open(&served.address)?.ask(&format!("/api/v1/breakdown?dates=all&by={by}"))?;
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(body.as_slice()), &mut text).or_else(
            |_| String::from_utf8(body).map(|plain| text.push_str(&plain)).map(|()| 0).map_err(std::io::Error::other),
        )?;
        let answer: Value = serde_json::from_str(&text)?;
        let groups = answer["data"]["groups"].as_array().context("no groups")?;
        Ok(groups.iter().filter_map(|group| group["key"].as_str().map(str::to_owned)).collect())
    };
    Ok(Names { regions: of("region")?, categories: of("category")?, segments: of("segment")? })
}
