//! http-01 by web servers that know the thumbprint of the account's key.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use acme_testca::TestCa;

use super::world::{Run, World, assert_run};
use snapbox::str;

/// A web server that answers with a thumbprint, once it has been told one.
struct Server {
    address: SocketAddr,
    thumbprint: Arc<Mutex<String>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thumbprint = Arc::new(Mutex::new(String::new()));
        let known = Arc::clone(&thumbprint);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hung up is not interested any more.
                let _ = answer(stream, &known.lock().unwrap());
            }
        });
        Self { address, thumbprint }
    }

    fn tell(&self, thumbprint: &str) {
        thumbprint.trim_end().clone_into(&mut self.thumbprint.lock().unwrap());
    }
}

fn answer(mut stream: TcpStream, thumbprint: &str) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let token = request.split(' ').nth(1).and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let body = format!("{token}.{thumbprint}");
    let (status, body) =
        if thumbprint.is_empty() { ("404 Not Found", "nothing here") } else { ("200 OK", &*body) };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nServer: test\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// A CA, a web server at which it looks, and the command with both.
struct Scene {
    world: World,
    ca: TestCa,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        let (world, server) = (World::new(), Server::start());
        let ca = TestCa::builder().http_port(server.address.port()).start().unwrap();
        world.write("root.pem", ca.root_pem());
        Self { world, ca, server }
    }

    fn run(&self, line: &str) -> Run {
        let mut command = self.world.command(line);
        command.env("ACME_CA", self.ca.directory_url()).env("ACME_CA_ROOT", "root.pem");
        self.world.finish(command.env("ACME_HTTP_REACH", self.server.address.to_string()))
    }

    fn expect(&self, line: &str, status: i32) -> Run {
        let run = self.run(line);
        assert_eq!(run.code(), Some(status), "{line}: {}", run.stderr());
        run
    }
}

#[test]
fn an_account_comes_first() {
    assert_run!(
        Scene::new().run("issue www.example.test --http-stateless"),
        str![[r#"
exit 2
--- stderr
error: there is no account yet whose thumbprint web servers could answer with
  fault: on this side, not the CA's
  next: make the account, and have the web server answer; the second line prints what to configure:
      acmectl account register --agree-tos --ca https://127.0.0.1:[PORT]/directory
      acmectl account thumbprint --web-server nginx --ca https://127.0.0.1:[PORT]/directory

"#]]
    );
}

#[test]
fn servers_that_do_not_answer_are_found_before_the_ca_is_asked() {
    let scene = Scene::new();
    scene.expect("account register --agree-tos", 0);
    let run = scene.run("issue www.example.test --http-stateless");
    assert_run!(
        run,
        str![[r#"
exit 2
--- stderr
error: www.example.test at 127.0.0.1:[PORT] (test) answers 404 'nothing here' instead of the challenge response
  fault: on this side, not the CA's
  next: have the web server answer; this prints what to configure:
      acmectl account thumbprint --web-server nginx --ca https://127.0.0.1:[PORT]/directory

"#]]
    );
    assert!(scene.ca.issued().is_empty());
}

#[test]
fn nothing_is_put_in_place_and_a_change_of_the_key_is_told() {
    let scene = Scene::new();
    scene.expect("account register --agree-tos", 0);
    scene.server.tell(&scene.expect("account thumbprint", 0).stdout());
    scene.expect("issue www.example.test --http-stateless", 0);
    scene.expect("renew --force --max-wait 0", 0);
    let shown = scene.expect("show www.example.test", 0).stdout();
    assert!(shown.contains("http-01, by web servers that know the account"), "{shown}");
    assert!(shown.contains(" --http-stateless"), "{shown}");

    let changed = scene.expect("account rollover", 0).stderr();
    let waits = "www.example.test can't be renewed until their web servers answer with the new thumbprint";
    assert!(changed.contains(waits), "{changed}");
    let stale = scene.expect("renew --force --max-wait 0", 1).stderr();
    assert!(stale.contains("instead of the challenge response"), "{stale}");
    scene.server.tell(&scene.expect("account thumbprint", 0).stdout());
    scene.expect("renew --force --max-wait 0", 0);
    assert_eq!(scene.ca.issued().len(), 3);
}

#[test]
fn a_dry_run_has_no_account_that_servers_know() {
    assert_run!(
        World::new().run("issue www.example.test --ca dev --http-stateless --dry-run"),
        str![[r#"
exit 2
--- stderr
error: a throw-away account has another thumbprint than the web servers answer with
  fault: on this side, not the CA's
  next: leave it out; whether the servers answer is looked at before a CA is asked:
      acmectl issue www.example.test --ca dev --http-stateless

"#]]
    );
}

#[test]
fn it_is_one_way_to_answer_http_01() {
    let run = World::new().run("issue www.example.test --ca dev --http-stateless --webroot .");
    assert_eq!(run.code(), Some(2));
    assert!(run.stderr().contains("cannot be used with"), "{}", run.stderr());
    let scene = Scene::new();
    scene.expect("account register --agree-tos", 0);
    scene.server.tell(&scene.expect("account thumbprint", 0).stdout());
    scene.expect("issue www.example.test --challenge www.example.test=http-stateless", 0);
}

#[test]
fn a_piece_of_configuration_for_each_server() {
    let scene = Scene::new();
    scene.expect("account register --agree-tos", 0);
    let thumbprint = scene.expect("account thumbprint", 0).stdout();
    let mut all = String::new();
    for server in ["apache", "caddy", "haproxy", "nginx"] {
        all += &scene.expect(&format!("account thumbprint --web-server {server}"), 0).stdout();
    }
    snapbox::assert_data_eq!(
        all.replace(thumbprint.trim_end(), "[THUMBPRINT]"),
        str![[r##"
# In the <VirtualHost> of port 80, with mod_alias:
<LocationMatch "^//.well-known/acme-challenge/(?<token>[-_A-Za-z0-9]+)$">
    RedirectMatch 200 .*
    ErrorDocument 200 "%{env:MATCH_TOKEN}.[THUMBPRINT]"
</LocationMatch>
# In the site of http://, before what else responds:
@acme path_regexp token ^//.well-known/acme-challenge/([-_A-Za-z0-9]+)$
respond @acme "{re.token.1}.[THUMBPRINT]" 200
# In the frontend of port 80, HAProxy 2.2 or later:
http-request return status 200 content-type text/plain lf-string "%[path,field(4,/)].[THUMBPRINT]" if { path_reg ^//.well-known/acme-challenge/[-_A-Za-z0-9]+$ }
# In the server of port 80:
location ~ "^//.well-known/acme-challenge/([-_A-Za-z0-9]+)$" {
    default_type text/plain;
    return 200 "$1.[THUMBPRINT]";
}

"##]]
    );
    let json = scene.expect("account thumbprint --json", 0).stdout();
    assert!(json.contains(&format!("\"thumbprint\":\"{}\"", thumbprint.trim_end())), "{json}");
}
