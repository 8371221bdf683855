# frozen_string_literal: true

module Hyperglyph
  module Server
    # Runs calls within their deadlines (section 18.4). A call whose time is up goes on in a thread of its own, since
    # Ruby has no safe way to stop it; its result is dropped.
    class Calls
      # Seconds before a deadline in which what a call in turn fails with is the deadline's.
      MOMENT = 0.05

      def initialize(max_abandoned)
        @max_abandoned = max_abandoned
        @abandoned = 0
        @lock = Mutex.new
      end

      # What the block gives. Raises Refusal with 504 when the time is up, with 503 if too many calls go on already.
      def within(request, &block)
        return known(request, &block) if request.deadline.remaining.nil?

        Server.check_deadline(request.deadline)
        raise Refusal.new(503, "too many calls go on behind their deadlines") if @lock.synchronize { @abandoned } >= @max_abandoned

        wait(request, start(request, &block))
      end

      # Lets the call know its request, see Server.env, and gives the calls that it makes no more time than it has
      # itself (REQ-TIME-5).
      def known(request, &block)
        before = Thread.current.thread_variable_get(:hyperglyph_env)
        Thread.current.thread_variable_set(:hyperglyph_env, request.env)
        HTTP::Deadline.within(request.deadline.remaining, &block)
      ensure
        Thread.current.thread_variable_set(:hyperglyph_env, before)
      end

      private

      # The outcome as a pair, so that no exception of the call can end the thread, or be told by it.
      def start(request, &block)
        Thread.new do
          [true, known(request, &block)]
        rescue *FAILURES => error
          [false, error]
        end.tap { |thread| thread.report_on_exception = false }
      end

      def wait(request, thread)
        unless thread.join(request.deadline.remaining)
          abandon(thread)
          raise Refusal.new(504, "the deadline passed before the call ended")
        end
        done, outcome = thread.value
        return outcome if done

        raise ended_with?(request.deadline, outcome) ? Refusal.new(504, "the deadline passed in a call that this one made") : outcome
      end

      # Whether a call in turn failed since the time of this one is up (REQ-TIME-3). It is told the deadline in whole
      # milliseconds, and so may end a moment earlier.
      def ended_with?(deadline, failure)
        deadline.remaining < MOMENT && Server.client_errors.any? { |kind| kind === failure }
      end

      def abandon(thread)
        @lock.synchronize { @abandoned += 1 }
        Thread.new do
          thread.join
        ensure
          @lock.synchronize { @abandoned -= 1 }
        end
      end
    end
  end
end
