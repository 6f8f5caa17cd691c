//! The CA on a socket: TLS, connections, real validations.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use acme_testca::{
    Action, AlwaysValid, CaaRecord, Config, Error, Fault, Limit, Moment, Operation, Profile, RateLimits,
    RenewalWindow, TestCa,
};
use http::{Request, Response};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName},
};
use serde_json::Value;

use crate::client::{Answer, Client, Key, Transport, challenge, csr, ders, urls};

/// A blocking HTTPS client with one connection.
pub(crate) struct Https {
    address: SocketAddr,
    config: Option<Arc<ClientConfig>>,
    connection: Option<Box<dyn Stream>>,
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Https {
    /// Speaks to another server without TLS.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self { address, config: None, connection: None }
    }

    /// Speaks to another server with the same trust.
    pub(crate) fn at(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    pub(crate) fn to(ca: &TestCa) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(ders(ca.root_pem()).remove(0))).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            address: ca.address(),
            config: Some(Arc::new(config)).filter(|_| ca.directory_url().starts_with("https")),
            connection: None,
        }
    }

    fn connect(&self) -> Box<dyn Stream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        match &self.config {
            Some(config) => {
                let name = ServerName::from(self.address.ip());
                let session = ClientConnection::new(Arc::clone(config), name).unwrap();
                Box::new(StreamOwned::new(session, stream))
            }
            None => Box::new(stream),
        }
    }

    fn exchange(stream: &mut Box<dyn Stream>, request: &Request<Vec<u8>>) -> std::io::Result<Answer> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: ca\r\n",
            request.method(),
            request.uri().path_and_query().unwrap()
        );
        for (name, value) in request.headers() {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        head += &format!("Content-Length: {}\r\n\r\n", request.body().len());
        stream.write_all(&[head.as_bytes(), request.body()].concat())?;
        stream.flush()?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).ok_or(std::io::ErrorKind::UnexpectedEof)?.to_owned();
        let mut response = Response::builder().status(status.as_str());
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
            response = response.header(name, value.trim());
        }
        let mut body = vec![0; if request.method() == "HEAD" { 0 } else { length }];
        reader.read_exact(&mut body)?;
        Ok(Answer::from(response.body(body).unwrap()))
    }
}

impl Transport for Https {
    fn send(&mut self, request: Request<Vec<u8>>) -> Option<Answer> {
        let mut connection = self.connection.take().unwrap_or_else(|| self.connect());
        let answer = Self::exchange(&mut connection, &request).ok()?;
        self.connection = Some(connection);
        Some(answer)
    }
}

fn client_of(ca: &TestCa) -> Client<Https> {
    let mut client = Client::new(Https::to(ca), Key::p256());
    client.base = ca.directory_url().strip_suffix("/directory").unwrap().to_owned();
    client
}

pub(crate) fn registered(ca: &TestCa) -> Client<Https> {
    let mut client = client_of(ca);
    client.register();
    client
}

#[derive(Clone)]
struct Page {
    status: u16,
    location: String,
    body: String,
}

impl Page {
    fn missing() -> Self {
        Self { status: 404, location: String::new(), body: String::new() }
    }
}

/// A web server on a free port.
#[derive(Clone)]
struct Web {
    port: u16,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Web {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let web = Self {
            port: listener.local_addr().unwrap().port(),
            pages: Arc::default(),
            asked: Arc::default(),
        };
        let shared = web.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = shared.answer(&mut stream.unwrap());
            }
        });
        web
    }

    fn answer(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut host = String::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("host") => host = value.to_owned(),
                Some(_) => {}
                None => break,
            }
        }
        self.asked.lock().unwrap().push((host, path.clone()));
        let page = self.pages.lock().unwrap().get(&path).cloned();
        let Page { status, location, body } = page.unwrap_or_else(Page::missing);
        let location = if location.is_empty() { location } else { format!("Location: {location}\r\n") };
        write!(stream, "HTTP/1.1 {status} X\r\n{location}Content-Length: {}\r\n\r\n{body}", body.len())
    }

    fn put(&self, path: &str, status: u16, location: &str, body: &str) {
        let page = Page { status, location: location.to_owned(), body: body.to_owned() };
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }
}

fn with_web() -> (Web, TestCa) {
    let web = Web::start();
    let ca = TestCa::builder().gentle().http_port(web.port).start().unwrap();
    (web, ca)
}

/// Answers the challenge of an order of one name; gives what became of the authorization.
pub(crate) fn outcome(client: &mut Client<Https>, order: &Value, kind: &str) -> Value {
    let url = urls(&order["authorizations"]).remove(0);
    let challenge = challenge(&client.read(&url), kind);
    client.post(challenge["url"].as_str().unwrap(), "{}");
    for _ in 0..100_000 {
        let authorization = client.read(&url);
        if authorization["status"] != "pending" {
            return authorization;
        }
    }
    panic!("the validation did not end");
}

fn token_path(client: &mut Client<Https>, order: &Value) -> (String, String) {
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    let token = challenge(&authorization, "http-01")["token"].as_str().unwrap().to_owned();
    let key_authorization = format!("{token}.{}", client.key.thumbprint());
    (format!("/.well-known/acme-challenge/{token}"), key_authorization)
}

#[test]
fn issues_over_tls_with_a_real_validation() {
    let (web, ca) = with_web();
    let mut client = registered(&ca);
    let (url, order) = client.order(&["a.example"]);
    let (path, key_authorization) = token_path(&mut client, &order);
    web.put(&path, 200, "", &format!("{key_authorization}\r\n"));
    let authorization = outcome(&mut client, &order, "http-01");
    assert_eq!(authorization["status"], "valid", "{authorization}");
    assert_eq!(web.asked.lock().unwrap()[0], ("a.example".to_owned(), path));
    let ready = client.read(&url);
    let valid = client.try_finalize(&ready, &csr(&["a.example"]).1).json();
    let chain = client.post(valid["certificate"].as_str().unwrap(), "").text();
    assert_eq!(ders(&chain)[0], ca.issued()[0].der);
    let counts = ca.counts();
    assert_eq!((counts.connections, counts.certificates, counts.validations), (1, 1, 1));
    let log = ca.requests();
    assert!(log.iter().all(|one| one.connection == Some(1)));
    assert!(ca.revoke(&ca.issued()[0].serial));
}

#[test]
fn addresses_are_validated_where_the_rules_lead() {
    let (web, ca) = with_web();
    ca.resolve(&format!("[2001:db8::1]=127.0.0.1:{}", web.port)).unwrap();
    ca.resolve("192.0.2.1=127.0.0.1").unwrap();
    let mut client = registered(&ca);
    for (value, host, status) in [
        ("2001:db8::1", "[2001:db8::1]", "valid"),
        ("192.0.2.1", "192.0.2.1", "valid"),
        ("127.0.0.1", "127.0.0.1", "valid"),
        ("192.0.2.2", "", "invalid"),
    ] {
        let url = client.url("/new-order");
        let wish = serde_json::json!({"identifiers": [{"type": "ip", "value": value}]});
        let order = client.post(&url, &wish.to_string()).json();
        let (path, key_authorization) = token_path(&mut client, &order);
        web.put(&path, 200, "", &key_authorization);
        let authorization = outcome(&mut client, &order, "http-01");
        assert_eq!(authorization["status"], status, "{authorization}");
        if status == "valid" {
            assert_eq!(web.asked.lock().unwrap().last(), Some(&(host.to_owned(), path)));
        }
    }
}

#[test]
fn redirects_are_followed_to_a_limit() {
    let (web, ca) = with_web();
    let mut client = registered(&ca);
    for (hops, status) in [(10, "valid"), (11, "invalid")] {
        let (_, order) = client.order(&["a.example"]);
        let (path, key_authorization) = token_path(&mut client, &order);
        web.put(&path, 302, "/1", "");
        for hop in 1..hops {
            let next = format!("/{}", hop + 1);
            let next = if hop % 2 == 0 { next } else { format!("http://b.example:{}{next}", web.port) };
            web.put(&format!("/{hop}"), 301, &next, "");
        }
        web.put(&format!("/{hops}"), 200, "", &key_authorization);
        let authorization = outcome(&mut client, &order, "http-01");
        assert_eq!(authorization["status"], status, "{authorization}");
    }
}

#[test]
fn failed_validations_say_why() {
    let (web, ca) = with_web();
    ca.resolve("nowhere.example=").unwrap();
    // The port of a connected socket: nobody listens there, and nobody else is given it.
    let connected = TcpStream::connect(ca.address()).unwrap();
    let closed = connected.local_addr().unwrap();
    ca.resolve(&format!("closed.example={closed}")).unwrap();
    let mut client = registered(&ca);
    for (name, page, kind) in [
        ("missing.example", None, "incorrectResponse"),
        ("wrong.example", Some((200, "", "something else")), "incorrectResponse"),
        ("away.example", Some((302, "http://192.0.2.1/", "")), "dns"),
        ("secure.example", Some((302, "https://a.example/", "")), "incorrectResponse"),
        ("nowhere.example", None, "dns"),
        ("closed.example", None, "connection"),
    ] {
        let (_, order) = client.order(&[name]);
        let (path, _) = token_path(&mut client, &order);
        if let Some((status, location, body)) = page {
            web.put(&path, status, location, body);
        }
        let authorization = outcome(&mut client, &order, "http-01");
        assert_eq!(authorization["status"], "invalid", "{name}");
        let error = &authorization["challenges"][0]["error"];
        assert_eq!(error["type"], format!("urn:ietf:params:acme:error:{kind}"), "{error}");
    }
}

#[test]
fn key_authorization_counts_with_status_200_only() {
    let (web, ca) = with_web();
    let mut client = registered(&ca);
    for (status, outcome_is) in [(500, "invalid"), (206, "invalid"), (200, "valid")] {
        let (_, order) = client.order(&["a.example"]);
        let (path, key_authorization) = token_path(&mut client, &order);
        web.put(&path, status, "", &key_authorization);
        assert_eq!(outcome(&mut client, &order, "http-01")["status"], outcome_is, "{status}");
    }
}

#[test]
fn bodies_of_web_servers_are_capped() {
    let (web, ca) = with_web();
    let mut client = registered(&ca);
    for (padding, outcome_is) in [(0, "valid"), (1, "invalid")] {
        let (_, order) = client.order(&["a.example"]);
        let (path, key_authorization) = token_path(&mut client, &order);
        let spaces = 64 * 1024 - key_authorization.len() + padding;
        web.put(&path, 200, "", &(key_authorization + &" ".repeat(spaces)));
        assert_eq!(outcome(&mut client, &order, "http-01")["status"], outcome_is, "{padding}");
    }
}

#[test]
fn other_validations_fail_honestly() {
    let (_, ca) = with_web();
    let mut client = registered(&ca);
    for kind in ["dns-01", "tls-alpn-01"] {
        let (_, order) = client.order(&["a.example"]);
        let authorization = outcome(&mut client, &order, kind);
        let error = &authorization["challenges"][0]["error"];
        assert!(error["detail"].as_str().unwrap().contains(kind), "{error}");
    }
    ca.always_valid(AlwaysValid::On);
    let (_, order) = client.order(&["a.example"]);
    assert_eq!(outcome(&mut client, &order, "dns-01")["status"], "valid");
}

#[test]
fn hostile_ca_issues_over_tls() {
    let ca = TestCa::builder().seed(7).always_valid().start().unwrap();
    let mut client = registered(&ca);
    for _ in 0..3 {
        client.issue(&["a.example", "*.a.example"]);
    }
    assert_eq!(ca.counts().certificates, 3);
    assert_eq!(ca.counts().connections, 1);
}

#[test]
fn nothing_beyond_loopback() {
    let listen = TestCa::builder().listen("0.0.0.0:0".parse().unwrap()).start();
    assert!(matches!(listen, Err(Error::NotLoopback(_))));
    for rule in ["a.example=192.0.2.1", "*=127.0.0.1,10.0.0.1", "*=[2001:db8::1]:80"] {
        let refused = TestCa::builder().resolve(rule).start();
        assert!(matches!(refused, Err(Error::NotLoopback(_))), "{rule}");
    }
    let ca = TestCa::start().unwrap();
    for rule in ["a.example", "=127.0.0.1", "a=b", "a=127.0.0.1:x"] {
        assert!(matches!(ca.resolve(rule), Err(Error::ResolveRule(_))), "{rule}");
    }
    ca.resolve("*.example=127.0.0.1:1,[::1]:2,::1").unwrap();
}

#[test]
fn only_its_own_root_is_trusted() {
    let ca = TestCa::start().unwrap();
    let other = TestCa::start().unwrap();
    let mut transport = Https::to(&ca);
    transport.address = other.address();
    let mut stream = transport.connect();
    stream.write_all(b"x").unwrap_err();
    drop(stream);
    assert_eq!(other.counts().requests, 0);
}

#[test]
fn connections_are_dropped_and_made_anew() {
    let (_, ca) = with_web();
    let mut client = registered(&ca);
    ca.fault(Fault::on(Operation::NewOrder, Action::LoseResponse));
    let url = client.url("/new-order");
    let order = r#"{"identifiers":[{"type":"dns","value":"a.example"}]}"#;
    assert!(client.post_once(&url, order).is_none());
    assert_eq!(ca.counts().orders, 1);
    assert_eq!(client.post_once(&url, order).unwrap().status, 201);
    let counts = ca.counts();
    assert_eq!((counts.connections, counts.orders), (2, 2));
    assert_eq!(ca.requests().last().unwrap().connection, Some(2));
}

#[test]
fn endless_bodies_end_when_the_client_goes_away() {
    let (_, ca) = with_web();
    ca.fault(Fault::on(Operation::Directory, Action::EndlessBody));
    let mut stream = Https::to(&ca).connect();
    stream.write_all(b"GET /directory HTTP/1.1\r\nHost: ca\r\nUser-Agent: test\r\n\r\n").unwrap();
    let mut buffer = vec![0; 3 * 1024 * 1024];
    stream.read_exact(&mut buffer).unwrap();
    drop(stream);
    assert_eq!(client_of(&ca).get("/directory").status, 200);
}

#[test]
fn delays_are_waited_for() {
    let (_, ca) = with_web();
    ca.fault(Fault::on(Operation::Directory, Action::DelayMs(30)));
    let begun = Instant::now();
    client_of(&ca).get("/directory");
    assert!(begun.elapsed() >= Duration::from_millis(30));
}

#[test]
fn large_bodies_are_refused() {
    let (_, ca) = with_web();
    let mut client = registered(&ca);
    let url = client.url("/new-order");
    let headers = [("user-agent", "test/1"), ("content-type", "application/jose+json")];
    // The server answers before it has read all of it, so the connection may break first.
    if let Some(answer) = client.send(http::Method::POST, &url, &headers, vec![b' '; 1024 * 1024 + 1]) {
        assert_eq!(answer.status, 413);
    }
    assert_eq!(client_of(&ca).get("/directory").status, 200);
}

#[test]
fn hook_sees_each_step_and_holds_one_request_only() {
    let (seen_in, seen) = mpsc::channel();
    let (release, hold) = mpsc::channel::<()>();
    let hold = Mutex::new(hold);
    let ca = TestCa::builder()
        .gentle()
        .on_request(move |event| {
            seen_in.send((event.moment, event.operation, event.number, event.status)).unwrap();
            if event.operation == Operation::NewAccount && event.moment == Moment::After {
                hold.lock().unwrap().recv().unwrap();
            }
        })
        .start()
        .unwrap();
    let mut first = client_of(&ca);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || first.register().status);
        use Operation::{Directory, NewAccount, NewNonce};
        assert_eq!(seen.recv().unwrap(), (Moment::Before, NewNonce, 1, None));
        assert_eq!(seen.recv().unwrap(), (Moment::After, NewNonce, 1, Some(200)));
        assert_eq!(seen.recv().unwrap(), (Moment::Before, NewAccount, 2, None));
        assert_eq!(seen.recv().unwrap(), (Moment::After, NewAccount, 2, Some(201)));
        assert_eq!(ca.counts().accounts, 1);
        assert_eq!(client_of(&ca).get("/directory").status, 200);
        assert_eq!(seen.recv().unwrap(), (Moment::Before, Directory, 3, None));
        assert!(!waiting.is_finished());
        release.send(()).unwrap();
        assert_eq!(waiting.join().unwrap(), 201);
    });
}

#[test]
fn tests_reach_a_running_ca() {
    let mut config = Config::gentle();
    config.always_valid = true;
    config.caa_identities = vec!["ca1.example".to_owned()];
    config.profiles.insert("one".to_owned(), Profile::new("the only one"));
    let mut limits = RateLimits::none();
    limits.consecutive_failures = Some(Limit::new(1, Duration::from_secs(3600)));
    config.rate_limits = Some(limits);
    let ca = TestCa::builder().config(config).start().unwrap();
    let mut client = registered(&ca);
    client.issue(&["a.example"]);
    let issued = ca.issued().remove(0);
    let at = issued.not_after;
    assert!(ca.set_renewal_window(&issued.serial, RenewalWindow::new(at, at)));
    let info =
        |client: &mut Client<Https>| client.get(&format!("/renewal-info/{}", issued.renewal_id)).json();
    assert_eq!(info(&mut client)["suggestedWindow"]["start"], at.to_string());
    assert_eq!(ca.recall("https://testca.test/why"), 1);
    assert_eq!(info(&mut client)["explanationURL"], "https://testca.test/why");

    ca.set_caa_records("a.example", vec![CaaRecord::new("issue", ";")]);
    let (_, order) = client.order(&["a.example"]);
    let authorization = outcome(&mut client, &order, "http-01");
    assert_eq!(authorization["status"], "invalid", "{authorization}");
    assert_eq!(client.try_order(&["a.example"]).problem(), "rateLimited");
    assert_eq!(ca.unpause(), 1);
    client.order(&["a.example"]);

    assert!(ca.withdraw_profile("one"));
    assert!(client.get("/directory").json()["meta"].get("profiles").is_none());
    assert_ne!(ca.other_root_pem().unwrap(), ca.root_pem());
}

#[test]
fn stops_when_dropped() {
    let ca = TestCa::start().unwrap();
    let mut stream = TcpStream::connect(ca.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    drop(ca);
    let closed = match stream.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    assert!(closed);
}

#[test]
fn state_is_taken_up_by_another_server() {
    let mut config = Config::gentle();
    config.base_url = "https://dev-ca.test".to_owned();
    let ca = TestCa::builder().config(config.clone()).always_valid().start().unwrap();
    assert_eq!(ca.directory_url(), "https://dev-ca.test/directory");
    let mut client = registered(&ca);
    let issued = client.issue(&["a.example"]);
    ca.advance(Duration::from_secs(60));
    let (saved, root) = (ca.save(), ca.root_pem().to_owned());
    drop(ca);
    let ca = TestCa::builder().config(config).saved(saved).start().unwrap();
    assert_eq!(ca.root_pem(), root);
    client.transport = Https::to(&ca);
    assert_eq!(client.post(&issued.certificate_url, "").text(), issued.chain);
    let damaged = TestCa::builder().saved(b"nothing".to_vec()).start();
    assert!(matches!(damaged, Err(Error::DamagedState { .. })));
}

#[test]
fn plain_http_for_those_who_ask() {
    let ca = TestCa::builder().gentle().always_valid().plain_http().start().unwrap();
    assert!(ca.directory_url().starts_with("http://127.0.0.1:"));
    registered(&ca).issue(&["a.example"]);
}

#[test]
fn curl_is_content() {
    let ca = TestCa::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root.pem");
    std::fs::write(&root, ca.root_pem()).unwrap();
    let localhost = ca.directory_url().replace("127.0.0.1", "localhost");
    for url in [ca.directory_url(), &localhost] {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*", "--cacert"])
            .arg(&root)
            .arg(url)
            .output();
        // Where there is no curl, the tests beside this one have to do.
        if let Ok(output) = output {
            assert!(output.status.success(), "{output:?}");
            let directory: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert!(directory["newAccount"].is_string());
        }
    }
}
