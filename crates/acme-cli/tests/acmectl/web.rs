//! A web server that serves a directory, as the ones that are there already do.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::net::{self, AddressFamily, SocketType};

/// The server. Its thread ends with the test's process.
pub(super) struct WebServer {
    address: SocketAddr,
    root: PathBuf,
}

impl WebServer {
    /// Serves a directory, which it makes.
    pub(super) fn start(root: &Path) -> Self {
        fs::create_dir_all(root).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = root.to_path_buf();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hung up is not interested any more.
                let _ = answer(stream, &served);
            }
        });
        Self { address, root: root.to_path_buf() }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

/// A port of 127.0.0.1 at which nobody listens, and nobody else can.
pub(super) struct DeadPort {
    address: SocketAddr,
    _socket: OwnedFd,
}

impl DeadPort {
    pub(super) fn new() -> Self {
        let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = net::getsockname(&socket).unwrap().try_into().unwrap();
        Self { address, _socket: socket }
    }

    /// The URL of the directory of a CA that is down.
    pub(super) fn directory_url(&self) -> String {
        format!("https://{}/directory", self.address)
    }
}

fn answer(mut stream: TcpStream, root: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let (status, body) = match fs::read(root.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", b"nothing here\n".to_vec()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nServer: test\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)
}
