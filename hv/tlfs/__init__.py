"""Microsoft's hypervisor interface (TLFS): CPUID leaves, synthetic MSRs, hypercalls, SynIC, timers."""
