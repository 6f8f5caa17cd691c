use acme_solver::{Http01, port_owner};

#[test]
#[cfg(target_os = "linux")]
fn the_owner_of_our_port_is_us_in_both_families() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let solver = Http01::bind(address).unwrap();
        let owner = port_owner(solver.local_addr().port()).unwrap();
        assert_eq!(owner.pid, std::process::id());
        assert!(!owner.program.is_empty());
    }
}

#[test]
fn a_port_that_nobody_has_has_no_owner() {
    assert_eq!(port_owner(0), None);
}
