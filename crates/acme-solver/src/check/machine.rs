//! What this machine has to do with the addresses of a name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use acme_proto::Identifier;

use super::addresses::is_global;
use super::{Fault, Finding};

/// Compares the addresses of a name with this machine's; nothing where one of each family leads here.
///
/// `own_address` says from which address this machine would send to another one, as
/// [`own_address_towards`] does. It is worth asking where no response came from the name, and not
/// otherwise: there are load balancers.
#[must_use]
pub fn compare_addresses(
    identifier: &Identifier,
    addresses: &[IpAddr],
    own_address: impl Fn(IpAddr) -> Option<IpAddr>,
) -> Vec<Finding> {
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().partition(|address| address.is_ipv4());
    [v4, v6].iter().filter_map(|family| of_family(identifier, family, &own_address)).collect()
}

fn of_family(
    identifier: &Identifier,
    addresses: &[IpAddr],
    own_address: impl Fn(IpAddr) -> Option<IpAddr>,
) -> Option<Finding> {
    let own: Vec<IpAddr> = addresses.iter().filter_map(|address| own_address(*address)).collect();
    let first = own.first()?;
    if own.iter().any(|own| addresses.contains(own)) {
        return None;
    }
    let there = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let seen = format!("{identifier} leads to {there}, and this machine sends from {first}");
    Some(match own.iter().any(|own| is_global(*own)) {
        true => {
            let remedy = "correct the A or AAAA record, or run this on the machine that it leads to";
            Finding::new(Some(identifier), Fault::AddressElsewhere, seen, remedy)
        }
        false => {
            let remedy = format!("let the router that has {there} pass the port on to {first}");
            Finding::new(Some(identifier), Fault::AddressTranslated, seen, remedy)
        }
    })
}

/// The address from which this machine would send to another one: the same where it has that address
/// itself. Nothing is sent; none where there is no way there.
#[must_use]
pub fn own_address_towards(address: IpAddr) -> Option<IpAddr> {
    let unspecified: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((unspecified, 0)).ok()?;
    socket.connect((address, ANY_PORT)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Nothing is sent to it.
const ANY_PORT: u16 = 80;
