use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use acme_http::Client;
use acme_proto::{Delivery, TransportErrorKind};

use crate::server::{NOBODY, Server, causes, get, perform, post, response};

/// A proxy that answers CONNECT with a status line, and then passes everything on to an address.
pub(crate) fn start(status: &'static str, target: SocketAddr) -> (SocketAddr, Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let lines = BufReader::new(client.try_clone().unwrap()).lines();
            let head = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            sender.send(head).unwrap();
            client.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
            let server = TcpStream::connect(target).unwrap();
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut &from, &mut &to));
            thread::spawn(move || io::copy(&mut &server, &mut &client));
        }
    });
    (address, receiver)
}

fn client(server: &Server, proxy: &str) -> Client {
    Client::builder()
        .root_pem(server.root_pem.as_str())
        .proxy(proxy)
        .lookup(|host, _| panic!("{host} is for the proxy to look up"))
        .build()
        .unwrap()
}

#[test]
fn everything_goes_through_the_tunnel() {
    let server = Server::answering(response("200 OK", "through"));
    let (proxy, heads) = start("200 Connection established", server.address);
    let client = client(&server, &format!("http://user:secret@{proxy}"));
    for _ in 0..3 {
        assert_eq!(perform(&client, post("https://ca.test/", "{}")).unwrap().body(), b"through");
    }
    let head = heads.recv().unwrap();
    assert_eq!(head[0], "CONNECT ca.test:443 HTTP/1.1");
    assert!(head.contains(&"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=".to_owned()), "{head:?}");
    assert_eq!(server.connections(), 1, "the tunnel is kept");
}

#[test]
fn refusal_of_the_proxy_is_its_own() {
    let server = Server::answering(response("200 OK", ""));
    let (proxy, _heads) = start("407 Proxy Authentication Required", server.address);
    let error = perform(&client(&server, &format!("http://{proxy}")), get("https://ca.test/")).unwrap_err();
    assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Proxy));
    assert!(causes(&error)[1].contains("407"), "{:?}", causes(&error));
}

#[test]
fn proxy_that_is_not_there_was_sent_nothing() {
    let server = Server::answering(response("200 OK", ""));
    let error = perform(&client(&server, &format!("http://{NOBODY}")), get("https://ca.test/")).unwrap_err();
    assert_eq!((error.delivery, error.kind), (Delivery::NotSent, TransportErrorKind::Connect));
}

/// The environment is set for another process: this one's is everybody's.
#[test]
fn environment_names_no_proxy() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "connection::clones_share_connections"]);
    for variable in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy"] {
        command.env(variable, "http://127.0.0.1:1");
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
