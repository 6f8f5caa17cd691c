//! The addresses of this machine.

use std::net::IpAddr;

/// The addresses of this machine at which others can reach it: neither those of loopback nor those
/// that are good on one link only.
///
/// None where the system does not say: it is read from `/proc` on Linux.
#[must_use]
pub fn local_addresses() -> Vec<IpAddr> {
    #[cfg(target_os = "linux")]
    return linux::local_addresses();
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    pub(super) fn local_addresses() -> Vec<IpAddr> {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let v4 = of_v4(&read("/proc/net/fib_trie"));
        let v6 = of_v6(&read("/proc/net/if_inet6"));
        v4.into_iter().map(IpAddr::V4).chain(v6.into_iter().map(IpAddr::V6)).collect()
    }

    /// The addresses that the routing table calls local; it has them twice.
    fn of_v4(table: &str) -> Vec<Ipv4Addr> {
        let mut addresses = Vec::new();
        let mut last = None;
        for line in table.lines().map(str::trim) {
            if let Some(address) = line.strip_prefix("|-- ") {
                last = address.parse::<Ipv4Addr>().ok().filter(|address| !address.is_loopback());
            } else if line == "/32 host LOCAL" {
                addresses.extend(last.take());
            }
        }
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    fn of_v6(table: &str) -> Vec<Ipv6Addr> {
        let address = |line: &str| {
            let bits = u128::from_str_radix(line.split_ascii_whitespace().next()?, 16).ok()?;
            Some(Ipv6Addr::from_bits(bits))
        };
        let is_reachable = |address: &Ipv6Addr| !address.is_loopback() && !address.is_unicast_link_local();
        table.lines().filter_map(address).filter(is_reachable).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// From Linux 6.12.
        const FIB_TRIE: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
        |-- 192.0.2.7
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
        |-- 192.0.2.7
           /32 host LOCAL
";

        const IF_INET6: &str = "\
00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000021122fffe334455 02 40 20 80     eth0
20010db8000000000000000000000001 02 40 00 80     eth0
";

        #[test]
        fn addresses_are_those_that_others_can_reach() {
            assert_eq!(of_v4(FIB_TRIE), [Ipv4Addr::new(192, 0, 2, 7)]);
            assert_eq!(of_v6(IF_INET6), ["2001:db8::1".parse::<Ipv6Addr>().unwrap()]);
        }

        #[test]
        fn tables_that_are_cut_off_or_strange_are_no_trouble() {
            for table in [FIB_TRIE, IF_INET6, "|-- \n/32 host LOCAL\n", "zz\n\n", "|-- 1.2.3.4"] {
                for end in 0..table.len() {
                    let (v4, v6) = (of_v4(&table[..end]), of_v6(&table[..end]));
                    assert!(v4.len() <= 1 && v6.len() <= 3);
                }
            }
        }
    }
}
