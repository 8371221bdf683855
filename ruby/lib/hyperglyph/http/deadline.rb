# frozen_string_literal: true

module Hyperglyph
  module HTTP
    # Until when something must be done, by a clock that nobody sets. Frozen.
    #
    # A Deadline that is set by `within` holds for all calls of this thread (of this fiber) inside the block, so
    # that a server gives the calls that it makes in turn no more time than it has (REQ-TIME-5).
    class Deadline
      KEY = :hyperglyph_deadline

      # In so many seconds; nil: never.
      def initialize(seconds)
        @at = seconds && (Deadline.now + seconds)
        freeze
      end

      # Seconds that are left, never below 0; nil if there is no end.
      def remaining
        @at && [@at - Deadline.now, 0.0].max
      end

      def passed?
        !@at.nil? && @at <= Deadline.now
      end

      # This one, or one in so many seconds, whichever is earlier.
      def sooner(seconds)
        return self if seconds.nil? || (remaining && remaining <= seconds)

        Deadline.new(seconds)
      end

      class << self
        def now
          Process.clock_gettime(Process::CLOCK_MONOTONIC)
        end

        # The one that holds here.
        def current
          Thread.current[KEY] || NEVER
        end

        # Runs the block; calls in it end in so many seconds, or earlier if an outer block says so.
        def within(seconds)
          outer = Thread.current[KEY]
          Thread.current[KEY] = current.sooner(seconds)
          yield
        ensure
          Thread.current[KEY] = outer
        end
      end

      NEVER = new(nil)
    end
  end
end
