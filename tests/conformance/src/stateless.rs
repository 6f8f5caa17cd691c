//! Web servers of other people's, with a piece of configuration that is to be tried.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long it may take until one listens.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Which server.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Debian's `apache2`.
    Apache,
    /// Debian's `caddy`.
    Caddy,
    /// Debian's `haproxy`.
    Haproxy,
    /// Debian's `nginx`.
    Nginx,
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    _directory: TempDir,
}

impl Server {
    /// Starts it with a piece of configuration for the site at a port of loopback, and returns when it
    /// listens.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(kind: Kind, port: u16, piece: &str) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let here = directory.path();
        let file = here.join("server.conf");
        fs::write(&file, configuration(kind, here, port, piece))?;
        let mut command = match kind {
            Kind::Apache => with("apache2", &["-D", "FOREGROUND", "-f"], &file),
            Kind::Caddy => with("caddy", &["run", "--adapter", "caddyfile", "--config"], &file),
            Kind::Haproxy => with("haproxy", &["-db", "-f"], &file),
            Kind::Nginx => with("nginx", &["-g", "daemon off;", "-c"], &file),
        };
        let child = command.env("HOME", here).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Self { child, _directory: directory };
        let end = Instant::now() + TIME_LIMIT;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > end {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::yield_now();
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its workers end with it when it is asked to.
        drop(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status());
        drop(self.child.wait());
    }
}

fn with(program: &str, arguments: &[&str], file: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).arg(file);
    command
}

fn configuration(kind: Kind, here: &Path, port: u16, piece: &str) -> String {
    let here = here.display();
    match kind {
        Kind::Apache => {
            let modules = ["mpm_event", "authz_core", "alias"]
                .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
            format!(
                "ServerRoot {here}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {here}/pid\n\
                 ErrorLog {here}/error.log\nUser www-data\nGroup www-data\n{}\n\
                 <VirtualHost 127.0.0.1:{port}>\n{piece}\n</VirtualHost>\n",
                modules.concat()
            )
        }
        Kind::Caddy => {
            format!(
                "{{\n\tadmin off\n\tauto_https off\n}}\nhttp://:{port} {{\n\tbind 127.0.0.1\n{piece}\n}}\n"
            )
        }
        Kind::Haproxy => format!(
            "defaults\n    mode http\n    timeout client 20s\n    timeout connect 20s\n    timeout server 20s\n\
             frontend site\n    bind 127.0.0.1:{port}\n{piece}\n"
        ),
        Kind::Nginx => format!(
            "user root; pid {here}/pid; error_log {here}/error.log; events {{}}\n\
             http {{ access_log off; client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;\n\
             fastcgi_temp_path {here}/fastcgi; uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;\n\
             server {{ listen 127.0.0.1:{port};\n{piece}\n}} }}\n"
        ),
    }
}
