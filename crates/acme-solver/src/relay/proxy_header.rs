//! The header that tells a server whose connection it is.

use std::net::{IpAddr, SocketAddr};

/// A version of the PROXY protocol, whose header in front of a connection tells the server the
/// addresses of the caller.
///
/// <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

impl ProxyHeader {
    /// The header of a connection from one address to another.
    ///
    /// An IPv4 address that came as an IPv6 one, as at a listener for both families, goes on as
    /// what it is.
    #[must_use]
    pub(super) fn encode(self, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
        let (from_ip, to_ip) = match (from.ip().to_canonical(), to.ip().to_canonical()) {
            (IpAddr::V4(from), IpAddr::V6(to)) => (IpAddr::V6(from.to_ipv6_mapped()), IpAddr::V6(to)),
            (IpAddr::V6(from), IpAddr::V4(to)) => (IpAddr::V6(from), IpAddr::V6(to.to_ipv6_mapped())),
            pair => pair,
        };
        match self {
            Self::V1 => {
                let family = if from_ip.is_ipv4() { "TCP4" } else { "TCP6" };
                format!("PROXY {family} {from_ip} {to_ip} {} {}\r\n", from.port(), to.port()).into_bytes()
            }
            Self::V2 => {
                let addresses = [octets(from_ip), octets(to_ip)].concat();
                let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
                let (family, length) =
                    if from_ip.is_ipv4() { (TCP4, TCP4_LENGTH) } else { (TCP6, TCP6_LENGTH) };
                [SIGNATURE, &[VERSION_2_PROXY, family], &length.to_be_bytes(), &addresses, &ports].concat()
            }
        }
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const VERSION_2_PROXY: u8 = 0x21;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
/// Two addresses and two ports.
const TCP4_LENGTH: u16 = 2 * (4 + 2);
const TCP6_LENGTH: u16 = 2 * (16 + 2);

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version: ProxyHeader, from: &str, to: &str) -> Vec<u8> {
        version.encode(from.parse().unwrap(), to.parse().unwrap())
    }

    #[test]
    fn version_1_is_a_line() {
        let text = |from, to| String::from_utf8(header(ProxyHeader::V1, from, to)).unwrap();
        let v4 = "PROXY TCP4 192.0.2.1 198.51.100.2 51000 443\r\n";
        assert_eq!(text("192.0.2.1:51000", "198.51.100.2:443"), v4);
        assert_eq!(text("[::ffff:192.0.2.1]:51000", "[::ffff:198.51.100.2]:443"), v4);
        let v6 = "PROXY TCP6 2001:db8::1 2001:db8::2 51000 443\r\n";
        assert_eq!(text("[2001:db8::1]:51000", "[2001:db8::2]:443"), v6);
        let mixed = "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n";
        assert_eq!(text("192.0.2.1:1", "[2001:db8::2]:2"), mixed);
    }

    #[test]
    fn version_2_is_binary() {
        let v4 = header(ProxyHeader::V2, "192.0.2.1:51000", "198.51.100.2:443");
        let expected = [
            b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x0c".as_slice(),
            &[192, 0, 2, 1, 198, 51, 100, 2, 0xc7, 0x38, 0x01, 0xbb],
        ];
        assert_eq!(v4, expected.concat());
        let v6 = header(ProxyHeader::V2, "[2001:db8::1]:51000", "[2001:db8::2]:443");
        assert_eq!(v6.len(), 16 + 36);
        assert_eq!(v6[12..16], [0x21, 0x21, 0, 36]);
        assert_eq!(v6[16..18], [0x20, 0x01]);
        assert_eq!(v6[48..], [0xc7, 0x38, 0x01, 0xbb]);
    }
}
