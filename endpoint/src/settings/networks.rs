//! Networks: blocks of addresses, and what belongs to the smallest one that an address is in.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::joint::JointPrefixMap;

use super::NetworkTables;

/// Why a text is no network. Said of a setting that names it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither a name of `[networks]` nor an address nor a block.
    #[error("`{0}` is neither an address, nor a block of them like 192.0.2.0/24, nor a name in [networks]")]
    Unknown(String),
    /// `10.1.2.3/8`: most likely a slip in one of the two.
    #[error("`{given}` has bits behind its length; the block that it is in is {block}")]
    HostBits {
        /// As it was given.
        given: String,
        /// With the bits cut off.
        block: IpNet,
    },
    /// Two tables lead to different places by the same block.
    #[error("{0} is there twice")]
    Twice(IpNet),
}

/// Values by network. Looking one up takes no longer for ten thousand networks than for ten.
#[derive(Clone, Debug)]
pub(crate) struct Networks<T>(Box<JointPrefixMap<IpNet, T>>);

impl<T> Default for Networks<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T: Copy> Networks<T> {
    /// Adds networks, or tables of them, with one value.
    pub(super) fn add(
        &mut self,
        names: &[String],
        tables: &NetworkTables,
        value: T,
    ) -> Result<(), NetworkError> {
        for name in names {
            match tables.get(name) {
                Some(table) => table.iter().try_for_each(|block| self.insert(parse(block)?, value))?,
                None => self.insert(parse(name)?, value)?,
            }
        }
        Ok(())
    }

    fn insert(&mut self, network: IpNet, value: T) -> Result<(), NetworkError> {
        match self.0.insert(network, value) {
            None => Ok(()),
            Some(_) => Err(NetworkError::Twice(network)),
        }
    }

    /// The smallest network that holds the address, and its value.
    pub(crate) fn get(&self, address: IpAddr) -> Option<(IpNet, T)> {
        self.0.get_lpm(&alone(address)).map(|(network, value)| (network, *value))
    }
}

/// The network of this address alone.
fn alone(address: IpAddr) -> IpNet {
    match address {
        IpAddr::V4(address) => IpNet::V4(Ipv4Net::from(address)),
        IpAddr::V6(address) => IpNet::V6(Ipv6Net::from(address)),
    }
}

/// An address, or a block of them.
pub(super) fn parse(given: &str) -> Result<IpNet, NetworkError> {
    if let Ok(address) = given.parse::<IpAddr>() {
        return Ok(alone(address));
    }
    let network: IpNet = given.parse().map_err(|_| NetworkError::Unknown(given.to_owned()))?;
    let block = network.trunc();
    if block == network { Ok(block) } else { Err(NetworkError::HostBits { given: given.to_owned(), block }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(blocks: &[(&str, u8)]) -> Networks<u8> {
        let mut networks = Networks::default();
        for (block, value) in blocks {
            networks.add(&[(*block).to_owned()], &NetworkTables::new(), *value).unwrap();
        }
        networks
    }

    #[test]
    fn the_smallest_network_decides() {
        let networks = networks(&[
            ("10.0.0.0/8", 1),
            ("10.1.0.0/16", 2),
            ("10.1.2.3", 3),
            ("2001:db8::/32", 4),
            ("::/0", 5),
        ]);
        for (address, value) in [
            ("10.255.255.255", Some(1)),
            ("10.1.0.0", Some(2)),
            ("10.1.2.3", Some(3)),
            ("10.1.2.4", Some(2)),
            ("11.0.0.0", None),
            ("9.255.255.255", None),
            ("2001:db8:1::1", Some(4)),
            ("2001:db9::1", Some(5)),
        ] {
            let found = networks.get(address.parse().unwrap()).map(|(_, value)| value);
            assert_eq!(found, value, "{address}");
        }
    }

    #[test]
    fn what_is_no_network_is_told() {
        for (given, message) in [
            ("office", "`office` is neither an address"),
            ("10.0.0.0/33", "`10.0.0.0/33` is neither"),
            ("10.0.0/8", "`10.0.0/8` is neither"),
            ("", "`` is neither"),
            ("10.1.2.3/8", "`10.1.2.3/8` has bits behind its length; the block that it is in is 10.0.0.0/8"),
            ("2001:db8::1/32", "`2001:db8::1/32` has bits"),
        ] {
            let told = parse(given).unwrap_err().to_string();
            assert!(told.starts_with(message), "{told}");
        }
    }

    #[test]
    fn tables_are_named_and_nothing_is_there_twice() {
        let tables = NetworkTables::from([("office".to_owned(), vec!["192.0.2.0/24".to_owned()])]);
        let mut networks = Networks::default();
        networks.add(&["office".to_owned(), "10.0.0.0/8".to_owned()], &tables, 1).unwrap();
        assert_eq!(networks.get("192.0.2.9".parse().unwrap()).map(|(_, value)| value), Some(1));
        let again = networks.add(&["192.0.2.0/24".to_owned()], &tables, 2);
        assert_eq!(again, Err(NetworkError::Twice("192.0.2.0/24".parse().unwrap())));
    }
}
