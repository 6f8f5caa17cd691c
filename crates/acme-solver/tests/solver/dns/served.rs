//! A stand-in on a real socket.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use http::{Request, Response};

use super::world::Fake;

/// Serves a stand-in over HTTP/1.1, one request at a time, on as many connections as come.
pub(crate) struct Served<F> {
    address: SocketAddr,
    shared: Arc<Shared<F>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared<F> {
    fake: Mutex<F>,
    /// The methods of the requests, in their order.
    methods: Mutex<Vec<String>>,
    /// Given out before the stand-in is asked.
    canned: Mutex<VecDeque<Response<Vec<u8>>>>,
    is_over: AtomicBool,
}

impl<F: Fake + Send + 'static> Served<F> {
    pub(crate) fn start(fake: F) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            fake: Mutex::new(fake),
            methods: Mutex::default(),
            canned: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if served.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (served, stream) = (Arc::clone(&served), stream.unwrap());
                // It ends with the client that keeps the connection.
                thread::spawn(move || served.converse(stream));
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn fake<T>(&self, look: impl FnOnce(&mut F) -> T) -> T {
        look(&mut self.shared.fake.lock().unwrap())
    }

    pub(crate) fn answer_first(&self, response: Response<Vec<u8>>) {
        self.shared.canned.lock().unwrap().push_back(response);
    }

    /// How many requests there were of a method.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.shared.methods.lock().unwrap().iter().filter(|other| *other == method).count()
    }
}

impl<F: Fake> Shared<F> {
    fn converse(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        while let Some(request) = read(&mut reader) {
            self.methods.lock().unwrap().push(request.method().to_string());
            let canned = self.canned.lock().unwrap().pop_front();
            let response = canned.unwrap_or_else(|| self.fake.lock().unwrap().handle(&request));
            // A client may be gone.
            if stream.write_all(&bytes(&response)).is_err() {
                return;
            }
        }
    }
}

impl<F> Drop for Served<F> {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).unwrap();
        let result = self.thread.take().unwrap().join();
        assert!(thread::panicking() || result.is_ok());
    }
}

/// The next request, or nothing where the connection ends.
fn read(reader: &mut BufReader<TcpStream>) -> Option<Request<Vec<u8>>> {
    let head: Vec<String> =
        reader.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let mut words = head.first()?.split(' ');
    let mut request = Request::builder().method(words.next()?).uri(words.next()?);
    let mut length = 0;
    for line in &head[1..] {
        let (name, value) = line.split_once(": ")?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap();
        }
        request = request.header(name, value);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(request.body(body).unwrap())
}

fn bytes(response: &Response<Vec<u8>>) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\n", response.status());
    for (name, value) in response.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    if response.status() != 204 {
        head.push_str(&format!("content-length: {}\r\n", response.body().len()));
    }
    let mut bytes = format!("{head}\r\n").into_bytes();
    bytes.extend_from_slice(response.body());
    bytes
}
