//! Encryption of connections, by rustls: what is checked of the server's certificate, and what a failed handshake means.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use salesmart_base::config::{Roots, SslMode, Tls};
use salesmart_base::fail;
use salesmart_base::failure::Failure;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What opens encrypted connections as `tls` asks for.
///
/// # Errors
/// The certificates of the trusted authorities cannot be read.
pub fn connector(tls: &Tls) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match tls.mode {
        SslMode::Disable | SslMode::Prefer | SslMode::Require => Arc::new(Unchecked(Arc::clone(&provider))),
        SslMode::VerifyCa => Arc::new(AnyHost(by_authorities(&tls.roots, &provider)?)),
        SslMode::VerifyFull => by_authorities(&tls.roots, &provider)?,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn by_authorities(roots: &Roots, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>> {
    let (certificates, whence) = match roots {
        Roots::System => {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::debug!("{error}");
            }
            (found.certs, "the operating system's store".to_owned())
        }
        Roots::File(path) => (read(path)?, path.display().to_string()),
    };
    let mut store = RootCertStore::empty();
    let (usable, _) = store.add_parsable_certificates(certificates);
    if usable == 0 {
        fail!(
            "there is no certificate of a trusted authority in {whence}; name a PEM file with sslrootcert=PATH in the database URL"
        );
    }
    Ok(WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build()?)
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|error| {
        let advice =
            "sslrootcert in the database URL is the PEM file of the authority that signed the server's certificate";
        Failure::new(format!("cannot read certificates from {}: {error}; {advice}", path.display())).into()
    })
}

/// Why the handshake failed, and what to do; `None` if it failed for another reason than a certificate.
pub fn explain(error: &Error) -> Option<(String, &'static str)> {
    let Error::InvalidCertificate(error) = error else { return None };
    let said = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "the server's certificate has expired",
            "have its administrator renew it (or is this machine's clock wrong?)",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the server's certificate is not valid yet", "is this machine's clock wrong?")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "the server's certificate is for another host",
            "use the host name that the certificate is for; if it really is that server, sslmode=verify-ca does not look at the name",
        ),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "the server's certificate is not signed by a trusted authority",
            "name the authority's PEM file with sslrootcert=PATH in the database URL",
        ),
        // webpki's own error comes as text only.
        other if other.to_string().contains("CaUsedAsEndEntity") => (
            "the server uses the certificate of an authority as its own",
            "have its administrator issue a certificate for the server itself (basicConstraints CA:FALSE)",
        ),
        other => {
            return Some((
                format!("the server's certificate is refused ({other})"),
                "have its administrator renew it, or use sslmode=require, which does not look at it",
            ));
        }
    };
    Some((said.0.to_owned(), said.1))
}

/// Takes every certificate: the connection is encrypted, but with whom is not known.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    // Nobody vouches for the key, but the server must hold it: else anybody could show a certificate that he saw elsewhere, and the
    // password would be bound to the wrong channel.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        server: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, server, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        server: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, server, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes certificates of trusted authorities, for whatever host they are.
#[derive(Debug)]
struct AnyHost(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The name is looked at last, after the chain.
        match self.0.verify_server_cert(server, chain, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        server: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, server, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        server: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, server, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
