# frozen_string_literal: true

module Hyperglyph
  class Client
    # A call that is ready to be sent. `url` absolute; `headers` those of the link or form that stay over redirects
    # (Accept); `conditions` those that do not; `typed` say what the body is; `unchanged`: what an answer of 304 means.
    Call = Struct.new(:page, :method, :url, :headers, :conditions, :typed, :body, :unchanged, keyword_init: true) do
      def safe?
        method == "GET"
      end

      # The body that goes: an unsafe call has always one (REQ-HEAD-3, REQ-HEAD-10).
      def octets
        safe? ? nil : body || Envelope::Octets.new("")
      end

      # Pairs of text, as the call itself says them.
      def fields
        (headers || []) + (conditions || []) + (safe? ? [] : typed || [["Content-Type", HTTP::MEDIA_TYPE]])
      end

      # What 301, 302 and 303 make of it (REQ-REDIR-7).
      def redirected(url)
        Call.new(page: page, method: "GET", url: url, headers: headers)
      end
    end

    # What a client asks for: partial resources, sequences, and blobs as they are.
    ACCEPT = "#{HTTP::MEDIA_TYPE};partial=1, #{HTTP::SEQUENCE_TYPE};q=0.9, */*;q=0.5"

    # Carries out one call, over its redirects (standard, section 19.3), and gives the result.
    class Exchange
      REDIRECTS = 5
      FOLLOWED = [301, 302, 303, 307, 308].freeze
      LONGEST = 999_999_999 # seconds that can be written (section 18.4)
      DRAINED = 65_536 # octets of a body that nobody wants, which are read to keep the connection

      def initialize(client, call)
        @client = client
        @call = call
        @deadline = HTTP::Deadline.current.sooner(client.timeout)
        @page = call.page
        @executed = false
        @redirects = 0
      end

      def result
        loop do
          target = @client.target(@call.url)
          response = @client.adapter.call(request(target))
          page = Page.new(@client, target.url, public: public?(target, response))
          return Answer.new(@client, page, response, @call, @deadline).result unless redirect?(response)

          follow(response, page)
        end
      rescue Error => e
        raise e unless @executed && e.outcome != :done

        raise e.executed
      end

      private

      # An adapter that cannot tell the address leaves the host to judge by.
      def public?(target, response)
        response.address ? Address.public?(response.address) : Address.of_host(target.host) != false
      end

      def request(target)
        body = @call.octets
        method = @call.method
        fields = [["Host", target.authority], ["Accept", ACCEPT]] + @client.credentials.fields(target) + @call.fields
        if @client.method_override && HTTP::Forms::UNSAFE_METHODS.include?(method) && method != "POST"
          fields << ["Method", method]
          method = "POST"
        end
        fields << ["Accept-Encoding", "gzip"] unless Address.own?(target.host)
        fields << ["Hyperglyph-Timeout", format("%.3f", [@deadline.remaining, LONGEST].min)] if @deadline.remaining
        fields << (body.length ? ["Content-Length", body.length] : ["Transfer-Encoding", "chunked"]) if body
        Request.new(method: method, target: target, headers: unique(fields), body: body, deadline: @deadline,
                    safe: @call.safe?, permit: @client.permit(@page))
      end

      # What the call says stands before what the user says for all calls.
      def unique(fields)
        fields.reverse.uniq { |name, _| name.downcase }.reverse
      end

      def redirect?(response)
        FOLLOWED.include?(response.status) && !response.field("location").nil?
      end

      def follow(response, page)
        status = response.status
        location = response.field("location")
        response.body.drain(DRAINED, @deadline)
        url = redirected_url(status, location, page)
        if [307, 308].include?(status)
          keep_body(status, url, page) unless @call.safe?
          @call = Call.new(**@call.to_h, url: url, page: page)
        else
          @executed ||= !@call.safe?
          @call = @call.redirected(url)
        end
        @page = page
      end

      # REQ-REDIR-5 and REQ-REDIR-6.
      def redirected_url(status, location, page)
        leads_nowhere(status, "more than #{REDIRECTS} redirects") if (@redirects += 1) > REDIRECTS
        location = Attributes.as_text(location) or leads_nowhere(status, "its Location is no URL")
        url = HTTP::URL.join(page.url, location)
        @client.check(url, page)
        url
      rescue Unusable, Refused => e
        leads_nowhere(status, e.message)
      end

      # REQ-REDIR-4, and a body that has been read cannot go once more.
      def keep_body(status, url, page)
        target = @client.target(url)
        unless target.origin == @client.target(page.url).origin || @client.credentials.listed?(target.origin)
          leads_nowhere(status, "the body may not go to #{target.origin}, which is not listed in origins:")
        end
        return if @call.octets.repeatable?

        leads_nowhere(status, "the body was read from a stream that cannot be rewound, and cannot be sent again")
      end

      # Only 307 and 308 say that the call was not executed here.
      def leads_nowhere(status, reason)
        done = @executed || (!@call.safe? && ![307, 308].include?(status))
        raise StatusError.for(status, reason: reason, outcome: done ? :done : :not_done)
      end
    end
  end
end
