//! What must come out of simulated runs.

use super::broker::RESULT_WAIT;
use super::run::Simulation;
use super::schedule::FaultSchedule;
use super::workers::{KILLED, made_of};

/// Runs a simulation, and checks what came out.
fn checked(simulation: Simulation) -> Simulation {
    let simulation = simulation.run();
    let poison = simulation.schedule.poison;
    let expected = (0..simulation.schedule.records)
        .map(|record| if poison == Some(record) { KILLED } else { made_of(record) });
    let host = simulation.hosts.last().unwrap();
    assert_eq!(host.output, expected.collect::<Vec<_>>(), "{:?}", simulation.schedule);
    for stale in &simulation.hosts {
        // What a host that was taken over wrote is right as far as it came.
        assert!(stale.output.iter().zip(&host.output).all(|(a, b)| a == b));
    }
    simulation
}

#[test]
fn any_fault_schedule_matches_the_fault_free_run() {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let seeds = match number("ENGINE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ENGINE_SEEDS").unwrap_or(10_000),
    };
    let runs = seeds.clone().count();
    let (mut incidents, mut tasks_run, mut records, mut hosts, mut deaths) = (0, 0, 0, 0, 0);
    for seed in seeds {
        let run = std::panic::catch_unwind(|| checked(Simulation::new(seed)));
        let Ok(simulation) = run else { panic!("ENGINE_SEED={seed}") };
        incidents += simulation.incidents;
        tasks_run += simulation.tasks_run;
        records += simulation.schedule.records;
        hosts += simulation.hosts.len();
        deaths += simulation.deaths_by_poison;
    }
    // All that can happen did, unless one run was asked for.
    let all = incidents > 0 && tasks_run > records && hosts > runs && deaths > 0;
    assert!(all || runs == 1, "{incidents} incidents, {tasks_run} tasks run of {records}, {deaths} deaths");
}

/// A run without faults, whose broker has little room.
fn fault_free(seed: u64, room: usize) -> Simulation {
    let mut simulation = Simulation::new(seed);
    simulation.schedule = FaultSchedule {
        records: 60,
        window: 12,
        workers: 3,
        room,
        lost: 0,
        repeated: 0,
        wrong: 0,
        slow: 1000,
        work: 50_000,
        incidents: 0,
        poison: None,
    };
    checked(simulation)
}

#[test]
fn waiting_results_leave_room_for_the_next_in_order() {
    for seed in 0..200 {
        // A run that is stuck would wait until the broker gives its results once more.
        assert!(fault_free(seed, 2).now < RESULT_WAIT);
    }
}

#[test]
fn without_faults_no_task_runs_twice() {
    for seed in 0..200 {
        let simulation = fault_free(seed, 2 + seed as usize % 4);
        assert_eq!(simulation.tasks_run, simulation.schedule.records);
    }
}
