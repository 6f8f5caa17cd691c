//! A stand-in of Amazon Route 53.
//!
//! After its published API reference, version 2013-04-01 (ListHostedZones, ListResourceRecordSets,
//! ChangeResourceRecordSets, GetChange) and the description of signature version 4. What it refuses:
//! requests whose signature it does not come to itself, unknown zones, batches that delete what is
//! not there or create what is, with as many elements as it takes. A change is in place at the third
//! look.

use std::collections::BTreeMap;
use std::time::Duration;

use acme_keys::{HmacAlgorithm, HmacKey, sha256};
use acme_proto::Mac as _;
use http::{Request, Response};

use super::contract::{NAME, VALUE};
use super::world::{Fake, SECRET, World, ZONES, header, path, query};

#[derive(Default)]
struct Route53Fake {
    /// TTL and quoted values, by absolute name.
    rrsets: BTreeMap<String, (String, Vec<String>)>,
    looks: usize,
    batches: usize,
}

impl Route53Fake {
    fn zones(request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let query = query(request);
        let fillers = (0..150).map(|number| (format!("ZF{number}"), format!("filler{number}.test"), false));
        let own =
            ZONES.iter().enumerate().map(|(number, name)| (format!("Z{number}"), (*name).to_owned(), false));
        let hidden = [("ZP".to_owned(), "_acme-challenge.example.com".to_owned(), true)];
        let all: Vec<_> = fillers.chain(hidden).chain(own).collect();
        let start =
            query.get("marker").map_or(0, |marker| all.iter().position(|(id, _, _)| id == marker).unwrap());
        assert_eq!(query["maxitems"], "100");
        let zone = |(id, name, is_private): &(String, String, bool)| {
            format!(
                "<HostedZone><Id>/hostedzone/{id}</Id><Name>{name}.</Name>\
                 <Config><PrivateZone>{is_private}</PrivateZone></Config></HostedZone>"
            )
        };
        let listed: String = all.iter().skip(start).take(100).map(zone).collect();
        let more = all
            .get(start + 100)
            .map_or_else(String::new, |(id, _, _)| format!("<NextMarker>{id}</NextMarker>"));
        xml(200, "ListHostedZonesResponse", &format!("<HostedZones>{listed}</HostedZones>{more}"))
    }

    /// The RRsets from a name on.
    fn rrsets(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let query = query(request);
        let most: usize = query["maxitems"].parse().unwrap();
        assert!(most <= 300 && query.get("type").is_none_or(|kind| kind == "TXT"));
        let start = query.get("name").cloned().unwrap_or_default();
        let rrset = |(name, (ttl, values)): (&String, &(String, Vec<String>))| {
            let value = |value: &String| {
                let value = value.replace('"', "&quot;");
                format!("<ResourceRecord><Value>{value}</Value></ResourceRecord>")
            };
            let values: String = values.iter().map(value).collect();
            format!(
                "<ResourceRecordSet><Name>{name}</Name><Type>TXT</Type><TTL>{ttl}</TTL>\
                 <ResourceRecords>{values}</ResourceRecords></ResourceRecordSet>"
            )
        };
        let listed: String = self.rrsets.range(start.clone()..).take(most).map(rrset).collect();
        let next = self.rrsets.range(start..).nth(most).map_or_else(String::new, |(name, _)| {
            format!("<NextRecordName>{name}</NextRecordName><NextRecordType>TXT</NextRecordType>")
        });
        let body = format!("<ResourceRecordSets>{listed}</ResourceRecordSets>{next}");
        xml(200, "ListResourceRecordSetsResponse", &body)
    }

    fn change(&mut self, zone: &str, body: &str) -> Response<Vec<u8>> {
        self.batches += 1;
        let mut rrsets = self.rrsets.clone();
        for change in between(body, "Change") {
            let text = |name: &str| between(change, name)[0].to_owned();
            let (name, ttl) = (text("Name"), text("TTL"));
            assert!(name.ends_with(&format!("{zone}.")) && text("Type") == "TXT");
            let values: Vec<String> =
                between(change, "Value").iter().map(|value| value.replace("&quot;", "\"")).collect();
            assert!(values.iter().all(|value| value.starts_with('"')), "{values:?}");
            let fits = match text("Action").as_str() {
                "DELETE" => rrsets.remove(&name) == Some((ttl, values)),
                _ => rrsets.insert(name, (ttl, values)).is_none(),
            };
            if !fits {
                return error(400, "InvalidChangeBatch", "not found, or already exists");
            }
        }
        self.rrsets = rrsets;
        self.looks = 0;
        let info = "<ChangeInfo><Id>/change/C1</Id><Status>PENDING</Status></ChangeInfo>";
        xml(200, "ChangeResourceRecordSetsResponse", info)
    }
}

impl Fake for Route53Fake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        assert_eq!(request.uri().host(), Some("route53.amazonaws.com"));
        if !header(request, "authorization").ends_with(&format!("Signature={}", signature(request))) {
            let message = format!("The signature does not match, {}", header(request, "authorization"));
            return error(403, "SignatureDoesNotMatch", &message);
        }
        let path = path(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let zone = |id: &str| id.strip_prefix('Z').and_then(|n| ZONES.get(n.parse::<usize>().ok()?));
        match (request.method().as_str(), path.as_slice()) {
            ("GET", ["2013-04-01", "hostedzone"]) => Self::zones(request),
            ("GET", ["2013-04-01", "change", "C1"]) => {
                self.looks += 1;
                let status = if self.looks < 3 { "PENDING" } else { "INSYNC" };
                let info = format!("<ChangeInfo><Id>/change/C1</Id><Status>{status}</Status></ChangeInfo>");
                xml(200, "GetChangeResponse", &info)
            }
            (_, ["2013-04-01", "hostedzone", id, ..]) if zone(id).is_none() => {
                error(404, "NoSuchHostedZone", "No hosted zone found")
            }
            ("GET", ["2013-04-01", "hostedzone", id]) => {
                let name = zone(id).unwrap();
                let zone = format!("<HostedZone><Id>/hostedzone/{id}</Id><Name>{name}.</Name></HostedZone>");
                xml(200, "GetHostedZoneResponse", &zone)
            }
            ("GET", ["2013-04-01", "hostedzone", _, "rrset"]) => self.rrsets(request),
            ("POST", ["2013-04-01", "hostedzone", id, "rrset"]) => {
                let body = String::from_utf8(request.body().clone()).unwrap();
                self.change(zone(id).unwrap(), &body)
            }
            _ => error(404, "UnknownOperationException", "no"),
        }
    }

    fn values(&self, name: &str) -> Vec<String> {
        let values = self.rrsets.get(&format!("{name}.")).map(|(_, values)| values.clone());
        values.unwrap_or_default().iter().map(|value| value.trim_matches('"').to_owned()).collect()
    }

    fn put(&mut self, name: &str, value: &str) {
        let rrset = self.rrsets.entry(format!("{name}.")).or_insert_with(|| ("300".into(), Vec::new()));
        rrset.1.push(format!("\"{value}\""));
    }

    fn busy(&self) -> Response<Vec<u8>> {
        error(400, "Throttling", "Rate exceeded")
    }

    fn waits_for_changes(&self) -> bool {
        true
    }
}

/// What the signature has to be, from the description.
fn signature(request: &Request<Vec<u8>>) -> String {
    let mac = |key: &[u8], text: &str| HmacKey::from_bytes(HmacAlgorithm::Hs256, key).sign(text.as_bytes());
    let date = header(request, "x-amz-date");
    let scope = format!("{}/us-east-1/route53/aws4_request", &date[..8]);
    let authorization = header(request, "authorization");
    assert!(authorization.starts_with(&format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, ")));
    let names = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    let lines: String = names
        .split(';')
        .map(|name| match name {
            "host" => format!("host:{}\n", request.uri().authority().unwrap()),
            name => format!("{name}:{}\n", header(request, name)),
        })
        .collect();
    let mut parameters: Vec<&str> = request.uri().query().unwrap_or_default().split('&').collect();
    parameters.sort_unstable();
    let canonical = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{}",
        request.method(),
        request.uri().path(),
        parameters.join("&"),
        hex(&sha256(request.body()))
    );
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&sha256(canonical.as_bytes())));
    let key = scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| mac(&key, part));
    hex(&mac(&key, &to_sign))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn between<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap()).collect()
}

fn xml(status: u16, root: &str, body: &str) -> Response<Vec<u8>> {
    let text = format!(
        "<?xml version=\"1.0\"?>\n<{root} xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">{body}</{root}>"
    );
    Response::builder().status(status).body(text.into_bytes()).unwrap()
}

fn error(status: u16, code: &str, message: &str) -> Response<Vec<u8>> {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    xml(status, "ErrorResponse", &error)
}

fn world(secret: &str) -> World<Route53Fake> {
    let variables = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", secret)];
    World::new("route53", &variables, Route53Fake::default())
}

contract!(super::world);

#[test]
fn change_is_waited_for_until_it_is_in_place() {
    let mut world = world(SECRET);
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.waits, [Duration::from_secs(3); 2]);
}

#[test]
fn rrset_that_changed_in_between_is_read_again() {
    let mut world = world(SECRET);
    world.zones(&[NAME]).unwrap();
    let zones = world.requests.len();
    // Between the first read and the batch.
    world.meanwhile.insert(2 * zones + 1, (NAME.into(), "other".into()));
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), ["other", VALUE]);
    assert_eq!(world.fake.batches, 2);
}

#[test]
fn temporary_credentials_and_a_given_zone_are_used() {
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", "a-session"),
        ("AWS_HOSTED_ZONE_ID", "Z0"),
    ];
    let mut world = World::new("route53", &variables, Route53Fake::default());
    world.add(&[(NAME, VALUE)]).unwrap();
    assert_eq!(world.fake.values(NAME), [VALUE]);
    assert!(world.requests[0].ends_with("/2013-04-01/hostedzone/Z0"));
    assert!(world.zones(&["_acme-challenge.example.org"]).is_err());
}

#[test]
fn many_names_are_read_page_by_page() {
    let mut world = world(SECRET);
    for number in 0..700 {
        world.fake.put(&format!("host-{number}.example.com"), "unrelated");
    }
    world.fake.put("_acme-challenge.host-7.example.com", "other");
    let names: Vec<_> = (0..100).map(|number| format!("_acme-challenge.host-{number}.example.com")).collect();
    let values: Vec<_> = names.iter().map(|name| (name.as_str(), VALUE)).collect();
    world.add(&values).unwrap();
    assert_eq!(world.fake.values("_acme-challenge.host-7.example.com"), ["other", VALUE]);
    let reads = world.requests.iter().filter(|request| request.contains("/rrset?"));
    assert_eq!(reads.count(), 3);
}
