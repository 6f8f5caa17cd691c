//! A certificate whose key is in a PKCS#11 token, for an account whose key is in it too:
//! `token LIBRARY MODULE TOKEN PIN DIRECTORY-URL ROOT-FILE`, where LIBRARY is `acme-lib` or
//! `acme-tokio`. It writes `chain.pem` and `key.der`, the token's public key, into the current directory.
//!
//! It is a process of its own since a module reads the environment when it is loaded.
#![expect(clippy::print_stderr, reason = "its test reads what went wrong")]

use std::error::Error;
use std::process::ExitCode;
use std::{env, fs};

use acme_lib::proto::{
    Algorithm, AsyncSolver, Challenge, SecretText, Signer as _, SolverError, SolverFuture,
};
use acme_lib::{
    CertificateSigningRequest, ChallengeType, DirectoryUrl, Identifier, IssueRequest, Solver, Token,
};
use acme_tokio::ThreadedSigner;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut next: Option<&dyn Error> = Some(&*error);
            while let Some(error) = next {
                eprintln!("{error}");
                next = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [library, module, label, pin, url, root] = arguments[..] else {
        return Err("token LIBRARY MODULE TOKEN PIN DIRECTORY-URL ROOT-FILE".into());
    };
    let token = Token::open(module, label, &SecretText::new(pin.to_owned()))?;
    let key = token.find_or_generate(NAME, Algorithm::Es256)?;
    fs::write("key.der", key.public_key_der())?;
    let csr = CertificateSigningRequest::signed_by(&[NAME.parse()?], &key)?;
    let request = IssueRequest::new([NAME]).csr(csr.into_der());
    let root = fs::read_to_string(root)?;
    let chain = match library {
        "acme-lib" => blocking(&token, url, &root, &request)?,
        "acme-tokio" => tokio::runtime::Runtime::new()?.block_on(on_tokio(&token, url, &root, &request))?,
        other => return Err(format!("there is no library {other}").into()),
    };
    fs::write("chain.pem", chain)?;
    Ok(())
}

fn blocking(token: &Token, url: &str, root: &str, request: &IssueRequest) -> Result<String, Box<dyn Error>> {
    let key = token.find_or_generate(ACCOUNT, Algorithm::Es384)?;
    let account = acme_lib::Account::builder(DirectoryUrl::Other(url))
        .root_pem(root)
        .remote_key(key.external_key(), token.clone())
        .open()?;
    Ok(account.issuance(request).run_for_chain(&mut Nothing)?.chain_pem)
}

async fn on_tokio(
    token: &Token,
    url: &str,
    root: &str,
    request: &IssueRequest,
) -> Result<String, Box<dyn Error>> {
    let key = token.find_or_generate(ACCOUNT, Algorithm::Es384)?;
    let account = acme_tokio::Account::builder(DirectoryUrl::Other(url))
        .root_pem(root)
        .remote_key(key.external_key(), ThreadedSigner::new(token.clone()))
        .open()
        .await?;
    Ok(account.issuance(request).run_for_chain(&mut Nothing).await?.chain_pem)
}

/// Puts nothing in place: the CA takes every answer for right.
#[derive(Clone)]
struct Nothing;

impl Solver for Nothing {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        vec![ChallengeType::Http01]
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|_| Ok(())).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|_| Ok(())).collect()
    }
}

impl AsyncSolver for Nothing {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        Solver::challenge_types(self, identifier)
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async { Solver::present(self, challenges) })
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async { Solver::withdraw(self, challenges) })
    }
}

const NAME: &str = "www.example.test";

/// The label of the account's key.
const ACCOUNT: &str = "acme account";
