/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest that obeys its power button: a boot sector that sleeps from tick to tick of the firmware's
 * timer and, when ACPI's power button was pressed, goes to S5. Key r: it reboots itself; key p: it
 * powers off by itself.
 */
#define PM1_STATUS 0x600 /* where SeaBIOS puts it, for PIIX4 and ICH9; enable: +2, control: +4 */
#define POWER_BUTTON 0x100
#define SLEEP_S5 0x2000 /* SLP_EN; the type of S5 is 0 in QEMU's tables */
#define RESET_CONTROL 0xcf9

    .code16
    .global _start
_start:
    movw $(PM1_STATUS + 2), %dx
    movw $POWER_BUTTON, %ax
    outw %ax, %dx
tick:
    sti
    hlt
    movw $PM1_STATUS, %dx
    inw %dx, %ax
    testw $POWER_BUTTON, %ax
    jnz power_off
    movb $1, %ah /* has a key been pressed? */
    int $0x16
    jz tick
    xorb %ah, %ah
    int $0x16
    cmpb $'p', %al
    je power_off
    cmpb $'r', %al
    jne tick
    movw $RESET_CONTROL, %dx
    movb $0x06, %al
    outb %al, %dx
    jmp tick

power_off:
    movw $(PM1_STATUS + 4), %dx
    movw $SLEEP_S5, %ax
    outw %ax, %dx
    jmp tick

    .org 510
    .word 0xaa55
