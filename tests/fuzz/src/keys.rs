//! Keys, certificates, and requests for them.

use acme_keys::{
    AccountKey, CertificateInfo, CertificateKey, CertificateSigningRequest, HmacAlgorithm, HmacKey,
    PrivateKey, certificates_from_pem, certificates_to_pem,
};
use acme_proto::limits::MAX_CHAIN;
use acme_proto::{Chain, ChallengeType, Identifier, Intent, Issue, Leaf, Signer as _};

pub(crate) fn account_key(data: &[u8]) {
    if let Ok(key) = AccountKey::from_der(data) {
        assert_same_account_key(&key);
    }
    if let Ok(key) = AccountKey::from_pem(data) {
        assert_same_account_key(&key);
    }
}

/// Two readers of certificates, written apart, agree where both read one.
pub(crate) fn certificate(data: &[u8]) {
    let info = CertificateInfo::from_der(data);
    let (Ok(info), Some(leaf)) = (info, Leaf::from_der(data)) else { return };
    let read_by_both = |identifier: &&Identifier| !matches!(identifier, Identifier::Other { .. });
    let names: Vec<_> = leaf.identifiers.iter().filter(read_by_both).collect();
    let bare = |name: &Identifier| name.to_string().trim_end_matches('.').to_owned();
    assert_eq!(
        info.names.iter().map(bare).collect::<Vec<_>>(),
        names.into_iter().map(bare).collect::<Vec<_>>()
    );
    assert_eq!(info.serial, leaf.serial);
    assert_eq!((info.not_before, info.not_after), (leaf.not_before, leaf.not_after));
    assert_eq!(info.authority_key_id, leaf.authority_key_id);
    assert!(info.serial_hex().bytes().all(|byte| byte.is_ascii_hexdigit()));
}

pub(crate) fn certificate_key(data: &[u8]) {
    for key in [CertificateKey::from_der(data), CertificateKey::from_pem(data)].into_iter().flatten() {
        let again = CertificateKey::from_pem(key.to_pem().expose()).expect("the same key");
        assert_eq!(again.public_key_der(), key.public_key_der());
        assert_eq!(again.key_type(), key.key_type());
    }
    if let Ok(text) = str::from_utf8(data) {
        let _ = PrivateKey::from_pem(text);
    }
}

pub(crate) fn chain(data: &[u8]) {
    let lenient = certificates_from_pem(data);
    if let Ok(certificates) = &lenient {
        let again = certificates_from_pem(certificates_to_pem(certificates)).expect("the same");
        assert_eq!(&again, certificates);
        let _ = (CertificateInfo::from_pem(data), CertificateInfo::chain_from_pem(data));
    }
    let Ok(chain) = Chain::from_pem(data) else { return };
    assert!((1..=MAX_CHAIN).contains(&chain.certificates.len()));
    let again = Chain::from_pem(chain.to_pem().as_bytes()).expect("the same chain");
    assert_eq!((again.certificates, again.leaf), (chain.certificates, chain.leaf));
}

/// A request that the flow takes is for exactly the names that its reader finds.
pub(crate) fn csr(data: &[u8]) {
    let Ok(request) =
        CertificateSigningRequest::from_pem(data).or_else(|_| CertificateSigningRequest::from_der(data))
    else {
        return;
    };
    let again = CertificateSigningRequest::from_pem(request.to_pem()).expect("the same request");
    assert_eq!(again.der(), request.der());
    let choices = request.names().iter().map(|name| (name.clone(), vec![ChallengeType::Http01])).collect();
    let _ = Issue::new(Intent::new(request.names().to_vec(), request.into_der(), None), choices);
}

pub(crate) fn hmac_key(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    for algorithm in [HmacAlgorithm::Hs256, HmacAlgorithm::Hs384, HmacAlgorithm::Hs512] {
        let _ = HmacKey::from_text(algorithm, text);
    }
}

fn assert_same_account_key(key: &AccountKey) {
    let again = AccountKey::from_pem(key.to_pem().expose()).expect("the same key");
    assert_eq!(again.jwk(), key.jwk());
    assert!(key.sign(b"message").is_ok());
}
