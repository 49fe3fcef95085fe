//! Which addresses a function may connect to: those that were granted, and the public ones of granted names.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use super::names::look_up;
use crate::plugin::capabilities::dir::FileContext;

/// The number of a name's addresses that are remembered before all are looked up again.
const KNOWN: usize = 4096;

/// The addresses that this machine found for granted names.
#[derive(Debug, Default)]
pub(in crate::plugin) struct FoundAddresses(Mutex<HashMap<String, HashSet<IpAddr>>>);

impl FoundAddresses {
    /// Whether `address` is one of `hosts`, which are names or addresses with their ports.
    pub(in crate::plugin) async fn admit(
        &self,
        hosts: &[(String, u16)],
        address: SocketAddr,
        context: &Arc<FileContext>,
    ) -> bool {
        let ip = address.ip().to_canonical();
        for (host, _) in hosts.iter().filter(|(_, port)| *port == address.port()) {
            let granted = match host.parse::<IpAddr>() {
                Ok(granted) => granted.to_canonical() == ip,
                Err(_) => is_public(ip) && self.finds(host, ip, context).await,
            };
            if granted {
                return true;
            }
        }
        false
    }

    /// Whether this machine finds `ip` for a name.
    async fn finds(&self, host: &str, ip: IpAddr, context: &FileContext) -> bool {
        let known = |found: IpAddr| {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(host).is_some_and(|known| known.contains(&found))
        };
        if known(ip) {
            return true;
        }
        let name = host.to_owned();
        let Some(found) = context.on_thread(move || look_up(&name)).await.flatten() else { return false };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all_found = all.entry(host.to_owned()).or_default();
        // Names have many addresses, of which each answer has some.
        if all_found.len() > KNOWN {
            all_found.clear();
        }
        all_found.extend(found);
        drop(all);
        known(ip)
    }
}

/// Whether an address is one of the internet, and of no private network, this machine or a special use.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let special =
                matches!((a, b, c), (0 | 240.., ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18 | 19, _));
            !(special
                || ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_documentation())
        }
        IpAddr::V6(ip) => {
            // 2000::/3 is what was given out for the internet, but for documentation and tunnels.
            let [first, second, ..] = ip.segments();
            let special = matches!((first, second), (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _));
            first & 0xe000 == 0x2000 && !special && ip != Ipv6Addr::UNSPECIFIED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_internet_addresses_are_public() {
        for ip in ["8.8.8.8", "2606:4700::1111", "172.32.0.1", "100.128.0.1"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
        ];
        for ip in private {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
