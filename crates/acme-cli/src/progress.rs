//! How far an issuance is: one line for each phase.

use acme_lib::Event;
use acme_proto::Operation;

use crate::output::Output;

/// The steps of an issuance, in the words of attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Prepare,
    Account,
    Order,
    Challenge,
    Finalize,
    Download,
    Publish,
}

impl Step {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Account => "account",
            Self::Order => "order",
            Self::Challenge => "challenge",
            Self::Finalize => "finalize",
            Self::Download => "download",
            Self::Publish => "publish",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Prepare => "checking what is on this side",
            Self::Account => "opening the account",
            Self::Order => "ordering",
            Self::Challenge => "proving control of the names",
            Self::Finalize => "asking for the certificate",
            Self::Download => "downloading it",
            Self::Publish => "publishing it",
        }
    }
}

/// Follows an issuance and tells each step once.
pub(crate) struct Progress {
    output: Output,
    about: String,
    step: Step,
}

impl Progress {
    pub(crate) fn new(output: Output, about: impl Into<String>) -> Self {
        Self { output, about: about.into(), step: Step::Prepare }
    }

    /// The step that is under way.
    pub(crate) fn step(&self) -> Step {
        self.step
    }

    /// Goes back to where an order is made.
    pub(crate) fn order_again(&mut self) {
        self.step = Step::Account;
    }

    /// Goes on to a step.
    pub(crate) fn enter(&mut self, step: Step) {
        if step > self.step {
            self.step = step;
            self.output.progress(format_args!("{}: {}", self.about, step.sentence()));
        }
    }

    /// Goes on to the step that an event is of.
    pub(crate) fn follow(&mut self, event: &Event<'_>) {
        let step = match event {
            Event::Presenting(_) => Step::Challenge,
            Event::Requesting { operation, .. } => match operation {
                Operation::NewOrder => Step::Order,
                Operation::Challenge => Step::Challenge,
                Operation::Finalize => Step::Finalize,
                Operation::Certificate => Step::Download,
                Operation::Account
                | Operation::Authorization
                | Operation::Directory
                | Operation::NewAccount
                | Operation::NewNonce
                | Operation::Order
                | Operation::Orders
                | Operation::RevokeCert
                | _ => return,
            },
            Event::Saving(_) | Event::Waiting(_) | Event::Withdrawing(_) | _ => return,
        };
        self.enter(step);
    }
}
