//! Debian's `nginx`, in front of a directory, on loopback.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long it may take to listen, or to show a new certificate.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// A running nginx; it ends when this is dropped.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    directory: TempDir,
    http_port: u16,
    https_port: u16,
}

impl Nginx {
    /// Starts it with plain HTTP only.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start() -> io::Result<Self> {
        let directory = TempDir::new()?;
        let (http_port, https_port) = free_ports()?;
        fs::create_dir(directory.path().join("www"))?;
        let config = directory.path().join("nginx.conf");
        fs::write(&config, configuration(directory.path(), http_port, ""))?;
        let child = nginx(directory.path()).args(["-g", "daemon off;"]).spawn()?;
        let nginx = Self { child, directory, http_port, https_port };
        wait_until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, http_port)).is_ok())?;
        Ok(nginx)
    }

    /// The port of plain HTTP.
    #[must_use]
    pub fn http_port(&self) -> u16 {
        self.http_port
    }

    /// The directory that it serves as `/`.
    #[must_use]
    pub fn web_root(&self) -> PathBuf {
        self.directory.path().join("www")
    }

    /// The line that makes it read its configuration and its certificates again.
    #[must_use]
    pub fn reload_line(&self) -> String {
        let directory = self.directory.path().display();
        format!("nginx -p {directory} -c nginx.conf -s reload")
    }

    /// Adds a TLS server with the certificate in a directory.
    ///
    /// # Errors
    /// When nginx does not take it.
    pub fn serve_tls(&self, certificate: &Path) -> io::Result<()> {
        let (port, certificate) = (self.https_port, certificate.display());
        self.serve(&format!(
            "server {{ listen 127.0.0.1:{port} ssl; \
             ssl_certificate {certificate}/fullchain.pem; ssl_certificate_key {certificate}/privkey.pem; }}"
        ))
    }

    /// Adds a TLS server that keeps what is PUT below `/up/`, expects the PROXY protocol, and says
    /// in the header `X-Client` what that told it.
    ///
    /// # Errors
    /// When nginx does not take it.
    pub fn serve_uploads(&self, certificate_pem: &str, private_key_pem: &str) -> io::Result<()> {
        let here = self.directory.path();
        fs::write(here.join("fullchain.pem"), certificate_pem)?;
        fs::write(here.join("privkey.pem"), private_key_pem)?;
        fs::create_dir_all(self.web_root().join("up"))?;
        let (port, here) = (self.https_port, here.display());
        self.serve(&format!(
            "server {{ listen 127.0.0.1:{port} ssl proxy_protocol; root {here}/www; \
             ssl_certificate {here}/fullchain.pem; ssl_certificate_key {here}/privkey.pem; \
             keepalive_requests 1000; client_max_body_size 10m; dav_methods PUT; \
             add_header X-Client $proxy_protocol_addr:$proxy_protocol_port always; }}"
        ))?;
        wait_until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, self.https_port)).is_ok())
    }

    /// The port of HTTPS, where there is some.
    #[must_use]
    pub fn https_port(&self) -> u16 {
        self.https_port
    }

    /// Adds servers to the configuration, in place of those that were added before.
    fn serve(&self, servers: &str) -> io::Result<()> {
        let config = configuration(self.directory.path(), self.http_port, servers);
        fs::write(self.directory.path().join("nginx.conf"), config)?;
        let status = nginx(self.directory.path()).args(["-s", "reload"]).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other("nginx does not reload")) }
    }

    /// Waits until a client sees a certificate with this serial number, in hexadecimal.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait_for_serial(&self, serial: &str) -> io::Result<()> {
        wait_until(|| self.serial().is_ok_and(|seen| seen == serial))
    }

    /// The serial number that a client sees.
    fn serial(&self) -> io::Result<String> {
        let address = format!("127.0.0.1:{}", self.https_port);
        let script = format!(
            "openssl s_client -connect {address} </dev/null 2>/dev/null | openssl x509 -noout -serial"
        );
        let output = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.trim().trim_start_matches("serial=").to_string())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The workers end with their master when it is asked to. Its own way of asking reads the
        // configuration, whose certificates may be gone.
        drop(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status());
        drop(self.child.wait());
    }
}

fn nginx(directory: &Path) -> Command {
    let mut command = Command::new("nginx");
    command.arg("-p").arg(directory).args(["-c", "nginx.conf"]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn configuration(directory: &Path, http_port: u16, more: &str) -> String {
    let here = directory.display();
    format!(
        "user root; pid {here}/nginx.pid; error_log {here}/error.log; events {{}}\n\
         http {{ access_log off; client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;\n\
         fastcgi_temp_path {here}/fastcgi; uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;\n\
         server {{ listen 127.0.0.1:{http_port}; root {here}/www; }}\n{more}\n}}\n"
    )
}

/// Two ports that were free a moment ago: nginx has to be told.
fn free_ports() -> io::Result<(u16, u16)> {
    let listeners =
        (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    Ok((listeners.0.local_addr()?.port(), listeners.1.local_addr()?.port()))
}

fn wait_until(holds: impl Fn() -> bool) -> io::Result<()> {
    let end = Instant::now() + TIME_LIMIT;
    while !holds() {
        if Instant::now() > end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::yield_now();
    }
    Ok(())
}
