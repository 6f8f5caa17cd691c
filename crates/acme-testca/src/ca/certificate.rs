//! Issuing certificates and handing them out (RFC 8555 section 7.4.2).

use http::{Request, Response, StatusCode};
use jiff::Timestamp;

use super::{Ca, Refusal};
use crate::{
    authority::Chain,
    config::AlternateChains,
    encoding,
    error::Error,
    key::PublicKey,
    pki::{BACKDATE, Leaf, SERIAL_LEN},
    problem::Problem,
    reply,
    state::{Certificate, Order, OrderStatus},
};

impl Ca {
    /// Downloading a certificate.
    pub(super) fn certificate(
        &mut self,
        request: &Request<Vec<u8>>,
        id: &str,
        chain: Chain,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let found = self.state.certificates.get(id).ok_or_else(|| Problem::not_found("certificate"))?;
        let owner = found.account.clone();
        let anybody = self.state.orders.get(&found.order).is_some_and(|order| order.certificate_get);
        self.admit_reader(request, &owner, anybody)?;
        let certificate = self.state.certificates.get(id).ok_or_else(|| Problem::not_found("certificate"))?;
        let has_alternate = self.has_alternate();
        if chain == Chain::Alternate && !has_alternate {
            return Err(Problem::not_found("chain").into());
        }
        let pem = self.chain_pem(&certificate.der, certificate.generation, chain);
        let mut response = reply::of_type(StatusCode::OK, PEM_CHAIN, pem.into_bytes());
        if has_alternate {
            let path = match chain {
                Chain::Default => format!("/certificate/{id}/1"),
                Chain::Alternate => format!("/certificate/{id}"),
            };
            let url = match self.config.alternate_chains {
                AlternateChains::Relative => path,
                AlternateChains::Absolute | AlternateChains::Absent => self.url(&path),
            };
            reply::link(&mut response, &url, "alternate");
        }
        Ok(response)
    }

    /// A chain as it is served: leaf first, then what is between it and the root.
    pub(super) fn chain_pem(&self, leaf: &[u8], generation: usize, chain: Chain) -> String {
        let mut pem = encoding::pem("CERTIFICATE", leaf);
        for authority in self.authority.chain(generation, chain) {
            pem.push_str(&encoding::pem("CERTIFICATE", authority));
        }
        pem
    }

    pub(crate) fn has_alternate(&self) -> bool {
        self.config.alternate_chains != AlternateChains::Absent && self.authority.other_root_der().is_some()
    }

    /// Issues the certificate of an order that is processing.
    pub(super) fn complete(&mut self, id: &str, now: Timestamp) {
        let Some(mut order) = self.state.orders.get(id).cloned() else {
            return;
        };
        if let Some(schedule) = &mut order.auto_renewal {
            schedule.begin(now);
            schedule.issued = Some(0);
        }
        let Some(processing) = &order.processing else {
            return;
        };
        let outcome = self.issue(id, &order.at_number(0), &processing.key_spki, now);
        let auto_renewal = order.auto_renewal.clone();
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        order.processing = None;
        order.auto_renewal = auto_renewal;
        match outcome {
            Ok(certificate) => {
                order.status = OrderStatus::Valid;
                order.certificate = Some(certificate);
            }
            Err(error) => {
                order.status = OrderStatus::Invalid;
                order.error = Some(Problem::server_internal(error.to_string()));
            }
        }
    }

    /// Whether a key is that of a certificate issued here (RFC 8555 section 11.1).
    pub(super) fn certificate_key_is(&self, key: &PublicKey) -> bool {
        let mut certificates = self.state.certificates.values();
        certificates.any(|one| PublicKey::from_spki(&one.key_spki).as_ref() == Some(key))
    }

    /// Makes a certificate for a key and names, as the order wants its dates.
    pub(super) fn make_certificate(
        &mut self,
        order: &Order,
        names: &[String],
        key_spki: &[u8],
        now: Timestamp,
    ) -> Result<Certificate, Error> {
        let serial = self.state.dice.serial::<SERIAL_LEN>();
        let backdated = now.saturating_sub(BACKDATE).unwrap_or(now);
        let not_before = encoding::whole_second(order.not_before.unwrap_or(backdated));
        let last = not_before.saturating_add(self.lifetime(order.profile.as_deref())).unwrap_or(not_before);
        let not_after = encoding::whole_second(order.not_after.unwrap_or(last));
        let generation = self.authority.generation();
        let crl_url = self.config.crl.then(|| self.url(&format!("/crl/{generation}")));
        let crl_url = crl_url.as_deref();
        let leaf = Leaf { serial: &serial, names, key_spki, not_before, not_after, crl_url };
        let der = self.authority.issue(&leaf)?;
        Ok(Certificate {
            number: self.state.certificates.len() as u64,
            serial: encoding::hex(&serial),
            account: order.account.clone(),
            order: String::new(),
            names: names.to_vec(),
            der,
            key_spki: key_spki.to_vec(),
            not_before,
            not_after,
            revoked: None,
            window: None,
            generation,
        })
    }

    pub(super) fn issue(
        &mut self,
        id: &str,
        order: &Order,
        key_spki: &[u8],
        now: Timestamp,
    ) -> Result<String, Error> {
        let names: Vec<String> = order.identifiers.iter().map(|one| one.value.clone()).collect();
        let mut certificate = self.make_certificate(order, &names, key_spki, now)?;
        certificate.order = id.to_owned();
        self.count_certificate(order, now);
        let certificate_id = self.state.dice.id();
        self.state.certificates.insert(certificate_id.clone(), certificate);
        Ok(certificate_id)
    }
}

pub(super) const PEM_CHAIN: &str = "application/pem-certificate-chain";
