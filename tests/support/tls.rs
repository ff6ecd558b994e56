//! Certificates of our own, for brokers with TLS.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// Who signs the certificates of test brokers. Nothing but the tests trusts it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

/// A certificate and its key, in PEM form.
#[derive(Clone)]
pub struct Certificate {
    pub certificate: String,
    pub key: String,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificate")
    }
}

impl Authority {
    /// A new one, which nothing trusts that was not given its certificate.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key can be made");
        let pem = params.self_signed(&key).expect("an authority can sign itself").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The authority's own certificate, in PEM form.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server with these names and addresses.
    pub fn certify(&self, names: &[&str]) -> Certificate {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("the names are names");
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority can sign");
        Certificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Writes `ca.pem`, `server.pem` and `server.key` into that folder, for a server with these names.
    pub(crate) fn write(&self, folder: &Path, names: &[&str]) {
        let Certificate { certificate, key } = self.certify(names);
        std::fs::create_dir_all(folder).expect("a folder for certificates can be made");
        for (name, text) in [("ca.pem", self.pem()), ("server.pem", &certificate), ("server.key", &key)] {
            std::fs::write(folder.join(name), text).expect("a certificate can be written");
        }
    }
}
