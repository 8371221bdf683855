# frozen_string_literal: true

module Hyperglyph
  # A span of time, to the microsecond (section 7.3 of the standard). Frozen.
  #
  #   Hyperglyph::Duration.new(hours: 36).to_f           # => 129600.0
  #   Time.now + Hyperglyph::Duration.new(days: 1).to_r
  class Duration
    include Comparable

    SECOND = 1_000_000
    MINUTE = 60 * SECOND
    HOUR = 60 * MINUTE
    DAY = 24 * HOUR
    # In microseconds: what the standard allows, both included.
    RANGE = (-999_999_999 * DAY..(1_000_000_000 * DAY) - 1).freeze

    # The whole span in microseconds.
    attr_reader :microseconds

    # Each part is a number (Integer, Rational or Float), negative ones included; what is below a
    # microsecond is cut. RangeError beyond 999,999,999 days.
    def initialize(weeks: 0, days: 0, hours: 0, minutes: 0, seconds: 0, microseconds: 0)
      total = ((weeks * 7) + days) * DAY
      total += (hours * HOUR) + (minutes * MINUTE) + microseconds
      @microseconds = (total + (seconds.rationalize * SECOND)).truncate
      unless RANGE.cover?(@microseconds)
        raise RangeError, "a duration is at most 999,999,999 days and 23:59:59.999999, and not #{@microseconds / DAY} days"
      end

      freeze
    end

    # Seconds, exactly.
    def to_r
      Rational(@microseconds, SECOND)
    end

    # Seconds.
    def to_f
      @microseconds.fdiv(SECOND)
    end

    def <=>(other)
      @microseconds <=> other.microseconds if other.is_a?(Duration)
    end

    # Of another Duration alone: TypeError for the rest.
    def +(other)
      raise TypeError, "a Duration is added to a Duration, not to #{other.class}" unless other.is_a?(Duration)

      Duration.new(microseconds: @microseconds + other.microseconds)
    end

    def -(other)
      raise TypeError, "a Duration is taken from a Duration, not #{other.class}" unless other.is_a?(Duration)

      Duration.new(microseconds: @microseconds - other.microseconds)
    end

    def -@
      Duration.new(microseconds: -@microseconds)
    end

    def zero?
      @microseconds.zero?
    end

    def eql?(other)
      other.is_a?(Duration) && @microseconds == other.microseconds
    end

    def hash
      [Duration, @microseconds].hash
    end

    # As it is written in messages.
    def to_s
      "#{'-' if @microseconds.negative?}P0Y0M#{Duration.spell(@microseconds.abs)}"
    end

    def inspect
      "#<Hyperglyph::Duration #{self}>"
    end

    # Days and time of so many microseconds, from 0 on, as messages have it (REQ-DUR-5).
    def self.spell(microseconds)
      seconds, fraction = microseconds.divmod(SECOND)
      minutes, seconds = seconds.divmod(60)
      hours, minutes = minutes.divmod(60)
      days, hours = hours.divmod(24)
      text = "#{days}DT#{hours}H#{minutes}M#{seconds}"
      fraction.zero? ? "#{text}S" : "#{text}.#{format('%06d', fraction)}S"
    end
  end
end
