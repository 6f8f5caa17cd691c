//! Obtaining a certificate for those names that a CA does not refuse.

use std::fmt;

use acme_proto::{
    Challenge, ChallengeType, Checkpoint, Error, Flow, Identifier, Input, Issue, Issued, LeftOut, Operation,
    Refusal, Session, Step, limits,
};
use jiff::Timestamp;

use crate::issue_request::IssueRequest;
use crate::private_key::PrivateKey;
use crate::request::CertificateSigningRequest;

/// [`Issue`], and once more without the names that the CA refused to make an order for, where the
/// request allows that.
///
/// The names that are left get a signing request of their own, with the same key; like any other it
/// is saved before the order is asked for. A request with a CSR of one's own can't be changed.
#[must_use = "a flow makes no progress until its driver resumes it"]
pub struct IssueFlow {
    request: IssueRequest,
    issue: Issue,
    choices: Vec<(Identifier, Vec<ChallengeType>)>,
    key: Option<PrivateKey>,
    tries: u32,
}

impl IssueFlow {
    /// Prepares the issuance; the key is that of its intent.
    pub fn new(
        request: &IssueRequest,
        issue: Issue,
        choices: Vec<(Identifier, Vec<ChallengeType>)>,
        key: Option<&PrivateKey>,
    ) -> Self {
        let issue = request.direct(issue);
        Self { request: request.clone(), issue, choices, key: key.cloned(), tries: 1 }
    }

    /// The issuance of what is left, if anything is.
    fn reduced(&mut self, refusal: &Refusal) -> Option<Issue> {
        let key = self.key.as_ref()?;
        let is_over = self.tries >= limits::MAX_PARTIAL_TRIES;
        if is_over || !self.request.allows_partial() || refusal.operation != Operation::NewOrder {
            return None;
        }
        let refused = refusal.refused_names();
        let earlier = self.issue.checkpoint();
        let mut intent = earlier.intent.clone();
        let (out, left): (Vec<_>, Vec<_>) = intent
            .identifiers
            .into_iter()
            .partition(|name| refused.iter().any(|(refused, _)| *refused == name));
        if out.is_empty() || left.is_empty() {
            return None;
        }
        let problems = refused.into_iter().filter(|(name, _)| out.contains(name));
        intent.left_out.extend(problems.map(|(name, problem)| LeftOut::new(name.clone(), problem.clone())));
        intent.csr = CertificateSigningRequest::new(&left, key.as_ref()).ok()?.into_der();
        intent.identifiers = left;
        let mut checkpoint = Checkpoint::new(intent);
        checkpoint.presented = earlier.presented.clone();
        let issue = Issue::start_from(checkpoint, self.choices.clone()).ok()?;
        self.tries += 1;
        Some(self.request.direct(issue))
    }
}

impl Flow for IssueFlow {
    type Context = Session;
    type Output = Issued;

    fn resume(&mut self, session: &mut Session, input: Input, now: Timestamp) -> Result<Step<Issued>, Error> {
        let error = match self.issue.resume(session, input, now) {
            Ok(step) => return Ok(step),
            Err(error) => error,
        };
        match error.refusal().and_then(|refusal| self.reduced(refusal)) {
            Some(issue) => {
                self.issue = issue;
                self.issue.resume(session, Input::Start, now)
            }
            None => Err(error),
        }
    }

    fn presented(&self) -> &[Challenge] {
        self.issue.presented()
    }
}

impl fmt::Debug for IssueFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssueFlow").field("issue", &self.issue).finish_non_exhaustive()
    }
}
