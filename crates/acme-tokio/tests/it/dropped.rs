//! Issuances that are dropped before their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acme_testca::{Config, Operation, TestCa};
use acme_tokio::proto::{Challenge, SolverFuture};
use acme_tokio::{Account, AsyncSolver, ChallengeType, Event, Identifier, IssueRequest};
use tokio::sync::{Mutex, Notify, Semaphore};

use crate::world::{self, Desk, Notebook};

/// Runs an issuance, and drops it at its nth event. Tells whether it came to its end before.
async fn run_until(
    n: usize,
    account: &Account,
    request: &IssueRequest,
    desk: &Desk,
    page: &Notebook,
) -> bool {
    let now = Arc::new(Notify::new());
    let (mut events, tell) = (0, Arc::clone(&now));
    let mut observer = move |_: &Event<'_>| {
        events += 1;
        if events == n {
            tell.notify_one();
        }
    };
    let (mut desk, mut page) = (desk.clone(), page.clone());
    let issuance = account.issuance(request).observe(&mut observer).journal(&mut page);
    tokio::select! {
        biased;
        () = now.notified() => false,
        issued = issuance.run(&mut desk) => {
            issued.unwrap();
            true
        }
    }
}

/// Everything that is in place is taken away, and the journal knows how to go on.
#[tokio::test]
async fn nothing_stays_in_place_at_whatever_step_it_is_dropped() {
    let mut config = Config::gentle();
    // The CA has no list of orders, as Let's Encrypt has none, and answers with the same order.
    (config.always_valid, config.orders_list, config.order_reuse) = (true, false, true);
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let mut n = 0;
    loop {
        n += 1;
        let (desk, page) = (Desk::default(), Notebook::default());
        let request = IssueRequest::new([format!("a.n{n}.example"), format!("b.n{n}.example")]);
        let finalized = ca.counts().orders_finalized;
        if run_until(n, &account, &request, &desk, &page).await {
            break;
        }
        world::until(|| desk.is_empty()).await;
        let issued = account.issuance(&request).journal(&mut page.clone()).run(&mut desk.clone()).await;
        issued.unwrap_or_else(|error| panic!("dropped at event {n}: {error:?}"));
        assert!(desk.is_empty());
        assert_eq!(ca.counts().orders_finalized, finalized + 1, "dropped at event {n}");
    }
    assert!(n > 10, "only {n} events");
}

#[tokio::test]
async fn aborted_task_is_swept_too() {
    let (ca, account) = never_valid().await;
    let desk = Desk::default();
    let task = tokio::spawn({
        let (account, mut desk) = (account.clone(), desk.clone());
        async move { account.issue(&IssueRequest::new(["a.example", "b.example"]), &mut desk).await }
    });
    world::until(|| !desk.is_empty()).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    world::until(|| desk.is_empty()).await;
    drop(ca);
}

/// The lock goes with the sweep: whoever comes next finds nothing in place.
#[tokio::test]
async fn locked_solver_is_swept_before_anybody_else_has_it() {
    struct OneOfAKind(Desk);

    impl AsyncSolver for OneOfAKind {
        fn challenge_types(&self, name: &Identifier) -> Vec<ChallengeType> {
            AsyncSolver::challenge_types(&self.0, name)
        }

        fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
            AsyncSolver::present(&mut self.0, challenges)
        }

        fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
            AsyncSolver::withdraw(&mut self.0, challenges)
        }
    }

    let (_ca, account) = never_valid().await;
    let desk = Desk::default();
    let solver = Arc::new(Mutex::new(OneOfAKind(desk.clone())));
    for _ in 0..3 {
        let request = IssueRequest::new(["a.example", "b.example"]);
        tokio::select! {
            biased;
            issued = account.issuance(&request).run_locked(&solver) => panic!("{issued:?}"),
            () = world::until(|| !desk.is_empty()) => {}
        }
        drop(solver.lock().await);
        assert!(desk.is_empty());
    }
}

/// The CA makes the same order again, with the same responses: they are not swept away.
#[tokio::test]
async fn sweep_is_waited_for_where_it_is_in_the_way() {
    #[derive(Clone)]
    struct Slow {
        desk: Desk,
        presented: Arc<AtomicUsize>,
        gate: Arc<Semaphore>,
    }

    impl AsyncSolver for Slow {
        fn challenge_types(&self, name: &Identifier) -> Vec<ChallengeType> {
            AsyncSolver::challenge_types(&self.desk, name)
        }

        fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
            self.presented.fetch_add(1, Ordering::SeqCst);
            AsyncSolver::present(&mut self.desk, challenges)
        }

        fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
            Box::pin(async move {
                self.gate.acquire().await.unwrap().forget();
                AsyncSolver::withdraw(&mut self.desk, challenges).await
            })
        }
    }

    let (ca, account) = never_valid().await;
    let (desk, presented, gate) = (Desk::default(), Arc::default(), Arc::new(Semaphore::new(0)));
    let mut solver = Slow { desk: desk.clone(), presented: Arc::clone(&presented), gate: Arc::clone(&gate) };
    let (request, mut page) = (IssueRequest::new(["a.example"]), Notebook::default());
    tokio::select! {
        issued = account.issuance(&request).journal(&mut page).run(&mut solver) => panic!("{issued:?}"),
        () = world::until(|| world::count(&ca, Operation::Challenge) == 1) => {}
    }
    let read = world::count(&ca, Operation::Authorization);
    let again = async { account.issuance(&request).journal(&mut page).run(&mut solver).await };
    let watching = async {
        world::until(|| world::count(&ca, Operation::Authorization) > read).await;
        world::settle().await;
        assert_eq!(presented.load(Ordering::SeqCst), 1);
        gate.add_permits(1);
        world::until(|| presented.load(Ordering::SeqCst) == 2).await;
        world::settle().await;
        assert!(!desk.is_empty());
        gate.add_permits(1);
    };
    tokio::select! {
        issued = again => panic!("{issued:?}"),
        () = watching => {}
    }
    world::until(|| desk.is_empty()).await;
}

/// Dropped outside of any runtime, it is swept by the one that polled it.
#[test]
fn runtime_that_polled_it_sweeps_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let desk = Desk::default();
    let (ca, account) = runtime.block_on(never_valid());
    let mut issuing = Box::pin({
        let (account, mut desk) = (account.clone(), desk.clone());
        async move { account.issue(&IssueRequest::new(["a.example"]), &mut desk).await }
    });
    runtime.block_on(async {
        tokio::select! {
            issued = &mut issuing => panic!("{issued:?}"),
            () = world::until(|| !desk.is_empty()) => {}
        }
    });
    drop(issuing);
    runtime.block_on(world::until(|| desk.is_empty()));
    drop((ca, account));
}

/// A CA that validates for ever, since nobody answers it.
async fn never_valid() -> (TestCa, Account) {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let ca = TestCa::builder().gentle().http_port(port).start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    std::mem::forget(silent); // the port stays taken, and silent
    (ca, account)
}
