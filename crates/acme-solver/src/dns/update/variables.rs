//! The variables that a solver for dynamic updates is set up with: lego's.

use std::time::Duration;

use acme_keys::{TsigAlgorithm, TsigKey};

use super::DnsUpdate;
use super::key_file;
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::secret::Secret;

/// A key, as it is written somewhere.
pub(super) struct KeyText<'a> {
    pub(super) name: &'a str,
    pub(super) algorithm: &'a str,
    pub(super) secret: &'a str,
}

impl DnsUpdate {
    /// The variables that [`from_variables`](Self::from_variables) reads.
    pub const VARIABLES: &'static [Variable] =
        &[NAMESERVER, KEY_FILE, KEY, SECRET, ALGORITHM, TTL, DNS_TIMEOUT, ZONES];

    /// Sets a solver up by variables, which are found by their names.
    ///
    /// # Errors
    /// [`CredentialError`] when one is missing, or is not what it should be.
    pub fn from_variables(find: &dyn Fn(&str) -> Option<String>) -> Result<Self, CredentialError> {
        let lookup = Lookup { find };
        let malformed =
            |variable: &Variable, what| CredentialError::Malformed { variable: variable.name, what };
        let mut solver = Self::new(&lookup.require(&NAMESERVER)?)
            .map_err(|_| malformed(&NAMESERVER, "HOST or HOST:PORT"))?;
        if let Some((name, key)) = key(&lookup)? {
            solver = solver.with_key(&name, key).map_err(|_| malformed(&KEY, "a domain name"))?;
        }
        let ttl = u32::try_from(lookup.ttl(&TTL, Self::TTL.into())?);
        let seconds = lookup.ttl(&DNS_TIMEOUT, solver.server.time_limit.as_secs())?;
        if !(1..=MOST_SECONDS).contains(&seconds) {
            return Err(malformed(&DNS_TIMEOUT, "a number of seconds from 1 to 3600"));
        }
        let zones = lookup.text(&ZONES).unwrap_or_default();
        let zones = zones.split(',').map(str::trim).filter(|zone| !zone.is_empty());
        solver =
            solver.with_zones(zones).map_err(|_| malformed(&ZONES, "domain names with commas in between"))?;
        Ok(solver
            .with_ttl(ttl.map_err(|_| malformed(&TTL, "a number of seconds"))?)
            .with_time_limit(Duration::from_secs(seconds)))
    }
}

/// The key's name and the key, if one is given: as a file of BIND has it, or part by part.
fn key(lookup: &Lookup<'_>) -> Result<Option<(String, TsigKey)>, CredentialError> {
    if let Some(text) = lookup.text(&KEY_FILE).map(|text| Secret::new(&text)) {
        let malformed =
            CredentialError::Malformed { variable: KEY_FILE.name, what: "a key as tsig-keygen writes it" };
        let key = key_file::parse(text.expose()).ok_or(malformed)?;
        return Ok(Some((key.name.to_owned(), read(&key, &KEY_FILE, &KEY_FILE)?)));
    }
    if lookup.text(&KEY).is_none() && lookup.text(&SECRET).is_none() {
        return Ok(None);
    }
    let (name, secret) = (lookup.require(&KEY)?, lookup.secret(&SECRET)?);
    let algorithm = lookup.text(&ALGORITHM).unwrap_or_else(|| TsigAlgorithm::HmacSha1.name().to_owned());
    let key = KeyText { name: &name, algorithm: &algorithm, secret: secret.expose() };
    let key = read(&key, &ALGORITHM, &SECRET)?;
    Ok(Some((name, key)))
}

fn read(
    key: &KeyText<'_>,
    of_algorithm: &Variable,
    of_secret: &Variable,
) -> Result<TsigKey, CredentialError> {
    let malformed = |variable: &Variable, what| CredentialError::Malformed { variable: variable.name, what };
    let algorithm = key.algorithm.parse().map_err(|_| malformed(of_algorithm, ALGORITHMS))?;
    TsigKey::from_base64(algorithm, key.secret).map_err(|_| malformed(of_secret, "a secret in base64"))
}

const NAMESERVER: Variable =
    Variable::required("RFC2136_NAMESERVER", "the primary name server of the zones, as HOST or HOST:PORT")
        .or(&["DNSUPDATE_NAMESERVER"]);
const KEY_FILE: Variable =
    Variable::usual("RFC2136_TSIG", "the key as tsig-keygen writes it, best in a file")
        .or(&["DNSUPDATE_TSIG"])
        .or_file(&["RFC2136_TSIG_FILE", "DNSUPDATE_TSIG_FILE"]);
const KEY: Variable =
    Variable::optional("RFC2136_TSIG_KEY", "or instead the name of the key, as the server has it")
        .or(&["DNSUPDATE_TSIG_KEY"]);
const SECRET: Variable =
    Variable::optional("RFC2136_TSIG_SECRET", "its secret, in base64").or(&["DNSUPDATE_TSIG_SECRET"]);
const ALGORITHM: Variable = Variable::optional(
    "RFC2136_TSIG_ALGORITHM",
    "its algorithm, such as hmac-sha256; hmac-sha1 unless set, as lego has it",
)
.or(&["DNSUPDATE_TSIG_ALGORITHM"]);
const TTL: Variable =
    Variable::optional("RFC2136_TTL", "the time to live of the records in seconds; 120 unless set")
        .or(&["DNSUPDATE_TTL"]);
const DNS_TIMEOUT: Variable =
    Variable::optional("RFC2136_DNS_TIMEOUT", "how many seconds the server may take; 10 unless set")
        .or(&["DNSUPDATE_DNS_TIMEOUT"]);
const ZONES: Variable = Variable::optional(
    "RFC2136_ZONES",
    "the zones, with commas in between; the server is asked for them unless set",
)
.or(&["DNSUPDATE_ZONES"]);

const ALGORITHMS: &str = "hmac-sha1, -sha224, -sha256, -sha384 or -sha512 (a key for HMAC-MD5 has to be \
     made anew: tsig-keygen)";
const MOST_SECONDS: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    fn set_up(variables: &[(&str, &str)]) -> Result<DnsUpdate, CredentialError> {
        let find = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        DnsUpdate::from_variables(&find)
    }

    #[test]
    fn lego_s_variables_of_both_versions_are_read() {
        let four = [
            ("RFC2136_NAMESERVER", "ns1.example.com"),
            ("RFC2136_TSIG_KEY", "Acme."),
            ("RFC2136_TSIG_SECRET", "c2VjcmV0"),
            ("RFC2136_TSIG_ALGORITHM", "hmac-sha512."),
        ];
        let solver = set_up(&four).unwrap();
        assert_eq!(solver.server.title(), "the name server ns1.example.com");
        assert_eq!(solver.server.signer.unwrap().name_text(), "acme");
        let five = [
            ("DNSUPDATE_NAMESERVER", "[::1]:5353"),
            ("DNSUPDATE_TSIG", "key acme { algorithm hmac-sha256; secret c2VjcmV0; };"),
            ("DNSUPDATE_TTL", "7"),
            ("DNSUPDATE_DNS_TIMEOUT", "3"),
            ("DNSUPDATE_ZONES", "example.com, example.org."),
        ];
        let solver = set_up(&five).unwrap();
        assert_eq!(solver.server.title(), "the name server ::1 (port 5353)");
        assert_eq!(solver.server.time_limit, Duration::from_secs(3));
        assert_eq!((solver.ttl, solver.zones.len()), (7, 2));
        assert!(!format!("{solver:?}").contains("c2VjcmV0"));
    }

    #[test]
    fn what_is_wrong_with_them_is_said() {
        let server = ("RFC2136_NAMESERVER", "192.0.2.1");
        let error = |variables: &[(&str, &str)]| set_up(variables).unwrap_err().to_string();
        assert!(error(&[]).starts_with("RFC2136_NAMESERVER is not set"));
        assert!(error(&[("RFC2136_NAMESERVER", "host:port")]).contains("HOST:PORT"));
        assert!(error(&[server, ("RFC2136_TSIG_KEY", "acme")]).starts_with("RFC2136_TSIG_SECRET is not set"));
        assert!(error(&[server, ("RFC2136_TSIG", "hmac")]).contains("a key as tsig-keygen writes it"));
        let key = [server, ("RFC2136_TSIG_KEY", "acme"), ("RFC2136_TSIG_SECRET", "c2VjcmV0")];
        let md5 = error(&[key[0], key[1], key[2], ("RFC2136_TSIG_ALGORITHM", "hmac-md5.sig-alg.reg.int.")]);
        assert!(md5.starts_with("RFC2136_TSIG_ALGORITHM is not hmac-sha1"), "{md5}");
        assert!(error(&[server, ("RFC2136_TTL", "-1")]).contains("a number of seconds"));
        assert!(error(&[server, ("RFC2136_DNS_TIMEOUT", "0")]).contains("from 1 to 3600"));
        assert!(set_up(&[server]).unwrap().server.signer.is_none());
    }
}
