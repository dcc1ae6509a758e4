/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The smallest guest that behaves like one: every vCPU works for a millisecond in a hundred and sleeps for the
 * rest, and together they touch all memory, 1 MiB at each tick, so that its pages lie where its
 * vCPUs ran. A multiboot kernel, linked at 1 MiB: <kernel> in the domain's <os>.
 *
 * The boot processor sets up 32-bit mode without paging, sends INIT and SIPI to the others, and all
 * run the same loop, driven by the timer of their local APIC.
 */
#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x00000002      /* tell the size of memory */
#define TRAMPOLINE 0x8000               /* SIPI vector 8: where the others start, below 1 MiB */
#define APIC 0xfee00000
#define FIRST_TOUCHED 0x1000000         /* 16 MiB: above this program */
#define CHUNK 0x100000
#define PAGE 0x1000
#define WORK_TSC 2400000                /* about a millisecond at 2.4 GHz */
#define TIMER_COUNT 6250000             /* of a 1 GHz APIC timer divided by 16: 100 ms */
#define TIMER_VECTOR 0x40
#define LOAD 0x100000
#define ON_TIMER 16                     /* from LOAD */

    .code32
    .section .text
    .long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

    .org ON_TIMER
    movl $0, APIC + 0x0b0               /* end of interrupt */
    iret

    .global _start
_start:
    cli
    movl 8(%ebx), %eax                  /* mem_upper: KiB above 1 MiB */
    shll $10, %eax
    addl $0x100000, %eax
    movl %eax, memory_end
    lgdt gdt_pointer
    ljmp $0x08, $1f
1:  movl $trampoline, %esi
    movl $TRAMPOLINE, %edi
    movl $(trampoline_end - trampoline), %ecx
    rep movsb
    movb $0xff, %al                     /* the old interrupt controllers stay silent */
    outb %al, $0x21
    outb %al, $0xa1
    movl $0x000c4500, APIC + 0x300      /* INIT to all but this one, then SIPI twice */
    call pause_a_while
    movl $(0x000c4600 | (TRAMPOLINE >> 12)), APIC + 0x300
    call pause_a_while
    movl $(0x000c4600 | (TRAMPOLINE >> 12)), APIC + 0x300
    jmp every_cpu

pause_a_while:
    movl $100000, %ecx
1:  pause
    loop 1b
    ret

    .code16
trampoline:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl TRAMPOLINE + (trampoline_gdt - trampoline)
    movl $0x11, %eax                    /* protected mode, caches on */
    movl %eax, %cr0
    ljmpl $0x08, $every_cpu
    .align 4
trampoline_gdt:
    .word gdt_end - gdt - 1
    .long gdt
trampoline_end:

    .code32
every_cpu:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $4096, %eax
    lock xaddl %eax, stack_next
    leal stacks(%eax), %esp
    lidt idt_pointer
    movl $0x1ff, APIC + 0x0f0           /* enable, spurious vector 0xff */
    movl $0x3, APIC + 0x3e0             /* divide by 16 */
    movl $(0x20000 | TIMER_VECTOR), APIC + 0x320
    movl $TIMER_COUNT, APIC + 0x380
tick:
    sti
    hlt
    movl $CHUNK, %edi
    lock xaddl %edi, touched
    movl $(CHUNK / PAGE), %ecx
1:  cmpl memory_end, %edi
    jae work
    movb $1, (%edi)
    addl $PAGE, %edi
    loop 1b
work:
    rdtsc
    movl %eax, %ebx
2:  rdtsc
    subl %ebx, %eax
    cmpl $WORK_TSC, %eax
    jb 2b
    jmp tick

    .section .data
    .align 8
gdt:
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
idt_pointer:
    .word 256 * 8 - 1
    .long idt
memory_end:
    .long 0
touched:
    .long FIRST_TOUCHED
stack_next:
    .long 4096

    .align 8
idt: /* every vector: an interrupt gate to ON_TIMER */
    .rept 256
    .word ON_TIMER, 0x08, 0x8e00, LOAD >> 16
    .endr

    .section .bss
    .align 4096
stacks:
    .skip 4096 * 33
