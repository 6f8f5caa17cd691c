//! Keeping to the rate limits (RFC 8555 section 6.6).

use std::net::{IpAddr, Ipv6Addr};

use http::header;
use jiff::{SignedDuration, Timestamp};

use super::{Ca, Refusal};
use crate::{
    identifier::Identifier,
    limit::{Limit, RateLimits},
    problem::Problem,
    state::{Certificate, Order},
};

impl Ca {
    /// Lets all paused identifiers be ordered again, as their owner would by the page in the error.
    /// Says how many there were.
    pub fn unpause(&mut self) -> usize {
        let paused = std::mem::take(&mut self.state.paused);
        for key in &paused {
            self.state.buckets.remove(key);
        }
        paused.len()
    }

    /// Counts a new account, or refuses it.
    pub(super) fn limit_new_account(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let Some(limits) = self.config.rate_limits.clone() else {
            return Ok(());
        };
        let key = "new accounts";
        self.check_limit(&limits, limits.new_accounts, key, "new accounts from this IP address", now)?;
        self.spend(limits.new_accounts, key, now);
        Ok(())
    }

    /// Counts a new order, or refuses it.
    pub(super) fn limit_new_order(
        &mut self,
        account: &str,
        identifiers: &[Identifier],
        is_replacement: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(limits) = self.config.rate_limits.clone() else {
            return Ok(());
        };
        if is_replacement {
            return Ok(());
        }
        let is_renewal = self.state.certificates.values().any(|one| has_exactly(one, identifiers));
        let orders = orders_key(account);
        if !is_renewal {
            self.check_limit(&limits, limits.new_orders, &orders, "new orders from this account", now)?;
        }
        for identifier in identifiers {
            self.check_identifier(&limits, account, identifier, is_renewal, now)?;
        }
        let what = "certificates already issued for this exact set of identifiers";
        self.check_limit(&limits, limits.certificates_per_set, &set_key(identifiers), what, now)?;
        if !is_renewal {
            self.spend(limits.new_orders, &orders, now);
        }
        Ok(())
    }

    fn check_identifier(
        &self,
        limits: &RateLimits,
        account: &str,
        identifier: &Identifier,
        is_renewal: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let name = &identifier.split_wildcard().0.value;
        if self.state.paused.contains(&consecutive_key(account, name)) {
            let problem = Problem::new(
                "rateLimited",
                429,
                format!(
                    "Your account is temporarily prevented from requesting certificates for {name} and \
                     possibly others. Please visit: {}",
                    limits.help_url
                ),
            );
            return Err(help(problem, limits));
        }
        let what = format!("failed authorizations for {name:?} from this account");
        self.check_limit(limits, limits.failed_authorizations, &failures_key(account, name), &what, now)?;
        if is_renewal {
            return Ok(());
        }
        let domain = registered_domain(name);
        let what = format!("certificates already issued for {domain:?}");
        self.check_limit(limits, limits.certificates_per_domain, &domain_key(&domain), &what, now)
    }

    /// Counts a certificate.
    pub(super) fn count_certificate(&mut self, order: &Order, now: Timestamp) {
        let Some(limits) = self.config.rate_limits.clone() else {
            return;
        };
        if order.replaces.is_some() {
            return;
        }
        let is_renewal = self.state.certificates.values().any(|one| has_exactly(one, &order.identifiers));
        if !is_renewal {
            let names = order.identifiers.iter().map(|one| one.split_wildcard().0.value);
            let mut domains: Vec<String> = names.map(|name| registered_domain(&name)).collect();
            domains.sort();
            domains.dedup();
            for domain in domains {
                self.spend(limits.certificates_per_domain, &domain_key(&domain), now);
            }
        }
        self.spend(limits.certificates_per_set, &set_key(&order.identifiers), now);
    }

    /// Counts the end of an authorization.
    pub(super) fn count_authorization(&mut self, id: &str, outcome: Outcome, now: Timestamp) {
        let Some(limits) = self.config.rate_limits.clone() else {
            return;
        };
        let Some(authorization) = self.state.authorizations.get(id) else {
            return;
        };
        let (account, name) = (&authorization.account, &authorization.identifier.value);
        let consecutive = consecutive_key(account, name);
        match outcome {
            Outcome::Valid => {
                self.state.buckets.remove(&consecutive);
            }
            Outcome::Invalid => {
                let failures = failures_key(account, name);
                self.spend(limits.failed_authorizations, &failures, now);
                self.spend(limits.consecutive_failures, &consecutive, now);
                let is_used_up =
                    limits.consecutive_failures.is_some_and(|limit| self.free_at(limit, &consecutive) > now);
                if is_used_up {
                    self.state.paused.insert(consecutive);
                }
            }
        }
    }

    fn check_limit(
        &self,
        limits: &RateLimits,
        limit: Option<Limit>,
        key: &str,
        what: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(limit) = limit else {
            return Ok(());
        };
        let free_at = self.free_at(limit, key);
        if free_at <= now {
            return Ok(());
        }
        let wait = free_at.duration_since(now).saturating_add(ALMOST_A_SECOND).as_secs();
        let retry = Timestamp::from_second(now.as_second().saturating_add(wait)).unwrap_or(free_at);
        let detail = format!(
            "too many {what} ({}) in the last {}h, retry after {}",
            limit.capacity,
            limit.per.as_secs() / 3600,
            retry.strftime("%Y-%m-%d %H:%M:%S UTC"),
        );
        let refusal = help(Problem::new("rateLimited", 429, detail), limits);
        Err(refusal.with(header::RETRY_AFTER, wait.to_string()))
    }

    fn free_at(&self, limit: Limit, key: &str) -> Timestamp {
        let debt = self.state.buckets.get(key).copied().unwrap_or(Timestamp::MIN);
        limit.free_at(debt)
    }

    fn spend(&mut self, limit: Option<Limit>, key: &str, now: Timestamp) {
        let Some(limit) = limit else {
            return;
        };
        let buckets = &mut self.state.buckets;
        if buckets.len() >= MAX_BUCKETS {
            buckets.retain(|_, debt| *debt > now);
        }
        let debt = buckets.entry(key.to_owned()).or_insert(now);
        *debt = limit.spend(*debt, now);
    }
}

/// How an authorization ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Invalid,
    Valid,
}

fn help(problem: Problem, limits: &RateLimits) -> Refusal {
    Refusal::from(problem).with(header::LINK, format!("<{}>;rel=\"help\"", limits.help_url))
}

fn has_exactly(certificate: &Certificate, identifiers: &[Identifier]) -> bool {
    certificate.names.len() == identifiers.len()
        && identifiers.iter().all(|one| certificate.names.contains(&one.value))
}

fn registered_domain(name: &str) -> String {
    match name.parse() {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).to_string() + "/64"
        }
        Err(_) => match name.rmatch_indices('.').nth(1) {
            Some((at, _)) => name.get(at + 1..).unwrap_or(name).to_owned(),
            None => name.to_owned(),
        },
    }
}

fn orders_key(account: &str) -> String {
    format!("new orders {account}")
}

fn domain_key(domain: &str) -> String {
    format!("domain {domain}")
}

fn set_key(identifiers: &[Identifier]) -> String {
    let mut names: Vec<&str> = identifiers.iter().map(|one| one.value.as_str()).collect();
    names.sort_unstable();
    format!("set {}", names.join(" "))
}

fn failures_key(account: &str, name: &str) -> String {
    format!("failures {account} {name}")
}

fn consecutive_key(account: &str, name: &str) -> String {
    format!("consecutive failures {account} {name}")
}

const ALMOST_A_SECOND: SignedDuration = SignedDuration::from_nanos(999_999_999);
const MAX_BUCKETS: usize = 100_000;
