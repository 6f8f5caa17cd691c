//! Who has a port.

/// The process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PortOwner {
    /// Its process id; the lowest, where several share the socket.
    pub pid: u32,
    /// Its name, as `ps` shows it.
    pub program: String,
}

/// The process that listens on a TCP port of this machine, on whatever address.
///
/// `None` where nobody does, where the process is another user's and may not be looked at, and
/// on systems other than Linux.
#[must_use]
pub fn port_owner(port: u16) -> Option<PortOwner> {
    #[cfg(target_os = "linux")]
    return linux::port_owner(port);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = port;
        None
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{self, File};
    use std::io::{BufRead, BufReader};

    use super::PortOwner;

    pub(super) fn port_owner(port: u16) -> Option<PortOwner> {
        let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|path| File::open(path).ok())
            .flat_map(|file| BufReader::new(file).lines().map_while(Result::ok))
            .filter_map(|line| listening_inode(&line, port).map(|inode| format!("socket:[{inode}]")))
            .collect();
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
        let pid = pids.filter(|pid| has_open(*pid, &sockets)).min()?;
        let program = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned();
        Some(PortOwner { pid, program })
    }

    /// The inode of the socket in a line of `/proc/net/tcp`, if it listens on the port.
    fn listening_inode(line: &str, port: u16) -> Option<u64> {
        let mut fields = line.split_ascii_whitespace();
        let (_, local_port) = fields.nth(1)?.rsplit_once(':')?;
        let state = fields.nth(1)?;
        let is_listening = state == LISTEN && u16::from_str_radix(local_port, 16) == Ok(port);
        fields.nth(5).filter(|_| is_listening)?.parse().ok()
    }

    fn has_open(pid: u32, sockets: &[String]) -> bool {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let mut targets = files.filter_map(|file| fs::read_link(file.path()).ok());
        targets
            .any(|target| target.to_str().is_some_and(|target| sockets.iter().any(|socket| socket == target)))
    }

    /// The state of a listening socket in `/proc/net/tcp`.
    const LISTEN: &str = "0A";

    #[cfg(test)]
    mod tests {
        use super::*;

        /// From Linux 6.12; the last is a connection of port 80, and no listener.
        const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 18237 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20411 1 0000000000000000 100 0 0 10 0
   2: 0100007F:0050 0100007F:B2C4 01 00000000:00000000 00:00000000 00000000     0        0 31007 1 0000000000000000 20 4 30 10 -1
";

        #[test]
        fn only_listeners_of_the_port_count() {
            let inodes =
                |port| TABLE.lines().filter_map(|line| listening_inode(line, port)).collect::<Vec<_>>();
            assert_eq!(inodes(80), [18237]);
            assert_eq!(inodes(443), [20411]);
            assert!(inodes(0xB2C4).is_empty());
        }

        #[test]
        fn lines_that_are_cut_off_count_for_nothing() {
            let line = TABLE.lines().nth(1).unwrap();
            let whole = line.find(" 18237").unwrap();
            assert!((0..whole).all(|end| listening_inode(&line[..end], 80).is_none()));
        }
    }
}
