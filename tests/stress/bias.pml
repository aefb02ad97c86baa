/* SPDX-License-Identifier: BSL-1.0
 * A biased lock and those who take the bias away, step by step as spin_lock of weft/detail/
 * spin_lock.hpp and src/base/spin_lock.cpp do it; spin looks at every order of these steps.
 * bias_model_test.cpp runs it:
 *
 *   spin -a bias.pml && cc -O2 -DSAFETY -o pan pan.c && ./pan
 *
 * Promised: never two inside, everybody comes in at last, and who leaves knows by which of the two
 * ways it came.
 *
 * What the owner stores to `owner_is` passes through a buffer, as it does in a processor: it is in
 * memory at some time later, and the owner's own looks at `bias` may come before that. Only the
 * barrier that the others ask the kernel for waits for it.
 *
 * What each of these leaves out is needed, and the model fails without it:
 *   -DNO_BARRIER  the bias is taken away without a barrier on the owner's core
 *   -DNO_WAIT     the owner, if it is inside, is not waited for
 *   -DNO_RECHECK  the owner does not look at the bias once more after it said that it comes
 *   -DNO_DOOR     the owner says that it is inside before it knows
 */
#define TURNS 2                   /* of each thread */
#define OTHERS 2                  /* threads that are not the owner */
#define OWNER 7                   /* its word */
#define NOBODYS 1
#define INSIDE 2
#ifdef NO_DOOR
#define AT_THE_DOOR INSIDE
#else
#define AT_THE_DOOR 1
#endif

byte bias = OWNER;                /* spin_lock::bias_ */
byte owner_is = 0;                /* spin_lock::owner_is_, in memory */
bool held = false;                /* spin_lock::is_held_ */

byte buffered_count = 0;          /* the owner's stores that are under way, in order */
byte first_buffered = 0;
byte second_buffered = 0;
byte third_buffered = 0;

byte entered = 0;                 /* who is inside now */

/* The processor of the owner's thread. */
active proctype buffer() {
end:
  do
  :: atomic {
       buffered_count > 0 ->
       owner_is = first_buffered;
       first_buffered = second_buffered;
       second_buffered = third_buffered;
       buffered_count--
     }
  od
}

inline say(value) {
  atomic {
    buffered_count < 3 ->
    if
    :: buffered_count == 0 -> first_buffered = value
    :: buffered_count == 1 -> second_buffered = value
    :: else -> third_buffered = value
    fi;
    buffered_count++
  }
}

inline be_inside() {
  entered++;
  assert(entered == 1);
  entered--
}

inline take_held() {
  atomic { !held -> held = true }                  /* exchange; waits while it was true */
}

/* lock_slowly() and unlock(), for who has no bias. An exchange waits for the buffer: the owner's
 * own, that is; nobody else has one here. */
inline be_inside_as_others(drains) {
  if
  :: drains -> buffered_count == 0
  :: else
  fi;
  take_held();
  if
  :: bias != NOBODYS ->
     bias = NOBODYS;
#ifndef NO_BARRIER
     buffered_count == 0;                          /* membarrier() */
#endif
#ifndef NO_WAIT
     owner_is == 0                                 /* waits while it is not */
#endif
  :: else
  fi;
  be_inside();
  assert(owner_is != INSIDE);                      /* unlock() would take it for the owner's */
  held = false
}

active proctype owner() {
  byte turn = 0;
  do
  :: turn < TURNS ->
     if
     :: bias == OWNER ->
        say(AT_THE_DOOR);
        if
#ifdef NO_RECHECK
        :: true ->
#else
        :: bias == OWNER ->
#endif
           say(INSIDE);
           be_inside();
           say(0)
#ifndef NO_RECHECK
        :: else ->
           say(0);
           be_inside_as_others(true)
#endif
        fi
     :: else -> be_inside_as_others(true)
     fi;
     turn++
  :: else -> break
  od
}

active [OTHERS] proctype other() {
  byte turn = 0;
  do
  :: turn < TURNS -> be_inside_as_others(false); turn++
  :: else -> break
  od
}
